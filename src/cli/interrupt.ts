/** Ctrl-C and SIGTERM for long commands: the first asks to stop and save, the second ends the process as usual. */

/** Returns a signal that aborts at the first interruption, which is also printed; call `release` when the command is done. */
export function interruption(
  note: (text: string) => void,
  words = "stopping after this step",
): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = () => {
    note(`${words}; once more to stop at once`);
    controller.abort();
    release();
  };
  const release = () => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return { signal: controller.signal, release };
}
