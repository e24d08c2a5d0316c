/** The error of invalid files, folders and names of weights. */

/** Weights cannot be used; the message has the file, the problem and what was expected. */
export class WeightsError extends Error {
  override name = "WeightsError";
}

/** Prefixes an error's message with a file name; errors of other types are returned unchanged. */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof WeightsError)) return error;
  error.message = `${path}: ${error.message}`;
  return error;
}
