/** Resources that are closed by `close()`, or by `await using` at the end of the block that opened them. */

/** What owns threads, memory or files until it is closed. */
export interface Closable extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Gives an object with `close` what `await using` calls, in place. A copy made of it by spreading, with a `close` of its own, is
 * closed by that.
 */
export function closable<T extends Closable>(resource: Omit<T, typeof Symbol.asyncDispose>): T {
  const whole: object = Object.assign(resource, {
    [Symbol.asyncDispose](this: Closable): Promise<void> {
      return this.close();
    },
  });
  return whole as T;
}

/**
 * Runs `use` and returns its result, for a function that passes on what it opened. When `use` throws, closes the resource, or all resources of
 * an array or a map at that time, and throws the same error; an error of closing is dropped.
 */
export async function closeOnError<T>(
  opened: { close(): unknown } | Iterable<{ close(): unknown }>,
  use: () => T | Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    try {
      for (const resource of "close" in opened ? [opened] : opened) await resource.close();
    } catch {
      // the first error says what is wrong
    }
    throw error;
  }
}
