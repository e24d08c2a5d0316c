/** A run cannot start or continue; the message says why and what to do. */
export class TrainError extends Error {
  override name = "TrainError";
}

/**
 * The error of a run with a number that is not finite. `lastSaved` is the step of its newest checkpoint, -1 if it has
 * none.
 */
export function notFiniteError(what: string, lastSaved: number): TrainError {
  const saved = lastSaved >= 0 ? `the checkpoint of step ${lastSaved} is good` : "no checkpoint was saved yet";
  return new TrainError(
    `${what}; ${saved}; try a lower optimizer.learningRate, a longer schedule.warmup or optimizer.clipNorm=1`,
  );
}
