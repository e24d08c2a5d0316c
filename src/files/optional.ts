/** Imports of optional libraries: what is missing is named with the command that installs it. */

const notFound: readonly unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/**
 * The module that `load` imports from the package `name`; `purpose` states what needs it, such as "reading HDF5 files".
 *
 * @throws Error with the command that installs the package, if it is not installed. Other errors are rethrown.
 * @example const { default: library } = await importOptional("h5wasm", "reading HDF5 files", () => import("h5wasm/node"));
 */
export async function importOptional<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A package that is there but lacks one of its own dependencies reports that one.
    if (!notFound.includes(code) || !message.includes(`'${name}'`)) throw error;
    throw new Error(`${purpose} needs the package ${name}, which is not installed; run \`npm install ${name}\``, {
      cause: error,
    });
  }
}
