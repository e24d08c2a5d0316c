/** The error of everything that is wrong with a file, folder or name of weights. */

/** Weights that cannot be used: says which file, what is wrong with it and what was expected. */
export class WeightsError extends Error {
  override name = "WeightsError";
}

/** Puts the name of a file before an error's message; errors that are not about weights pass unchanged. */
export function inFile(path: string, error: unknown): unknown {
  if (!(error instanceof WeightsError)) return error;
  error.message = `${path}: ${error.message}`;
  return error;
}
