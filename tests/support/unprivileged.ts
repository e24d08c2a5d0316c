/** Does something as a user who may not read or write everything: root may, whatever the permissions say. */

/** Runs an action as `nobody` where the tests run as root, else as the user they run as. */
export async function unprivileged<T>(action: () => Promise<T>): Promise<T> {
  const { geteuid, seteuid } = process;
  if (!geteuid || !seteuid || geteuid() !== 0) return await action();
  seteuid(65534);
  try {
    return await action();
  } finally {
    seteuid(0);
  }
}
