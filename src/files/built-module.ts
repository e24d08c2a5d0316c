/** Finds the built JavaScript of a module, so that worker threads start the same way from `dist/` and from a test runner. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** As `builtModule`, but does not check that the file exists. */
export function builtUrl(callerUrl: string, relative: string): URL {
  const built = new URL(relative, callerUrl);
  // The last "/src/" is that of this package: a checkout may itself be in a folder named "src".
  if (callerUrl.endsWith(".ts")) {
    const at = built.pathname.lastIndexOf("/src/");
    if (at >= 0) built.pathname = `${built.pathname.slice(0, at)}/dist/${built.pathname.slice(at + "/src/".length)}`;
  }
  return built;
}

/**
 * Returns the URL of the built module `relative` (such as `"./worker.js"`) to the module whose `import.meta.url` is `callerUrl`.
 *
 * A caller in `src/x/y.ts` is mapped to `dist/x/y.js`; a caller in `dist/` is unchanged.
 * Worker threads need this because Node starts them without the TypeScript loader of a test runner.
 *
 * @throws if the built file does not exist, with its path and the command that builds it.
 * @example new Worker(builtModule(import.meta.url, "./worker.js"))
 */
export function builtModule(callerUrl: string, relative: string): URL {
  const built = builtUrl(callerUrl, relative);
  if (!existsSync(built)) throw missing(built);
  return built;
}

function missing(url: URL): Error {
  return new Error(
    `the built module ${fileURLToPath(url)} is missing, which worker threads need; run "npm run build" first`,
  );
}
