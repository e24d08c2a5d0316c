/** Evaluators: ways to fit a classifier to frozen features, behind one interface. */
import { didYouMean } from "../../text/nearest.js";
import type { Evaluator } from "./evaluator.js";
import { leaveOneOutRidge } from "./leave-one-out-ridge.js";
import { linearProbe } from "./linear-probe.js";
import { nearestNeighbours } from "./nearest-neighbours.js";
import { prototypes } from "./prototypes.js";
import { ridge } from "./ridge.js";

export * from "./evaluator.js";
export { leaveOneOutRidge, linearProbe, nearestNeighbours, prototypes, ridge };

/** All of them, the published few-shot evaluator first. */
export const evaluators: readonly Evaluator[] = [ridge, leaveOneOutRidge, nearestNeighbours, prototypes, linearProbe];

/**
 * Those that fit in closed form: cheap enough to be fitted dozens of times for cross-validation. The ridge that finds its own
 * l2 comes first: with the published one, a few images of classes of different sizes are all given to the largest class.
 */
export const closedFormEvaluators: readonly Evaluator[] = [leaveOneOutRidge, ridge, nearestNeighbours, prototypes];

/** The evaluator of a name. Throws for an unknown one, naming those there are. */
export function evaluatorNamed(name: string): Evaluator {
  const found = evaluators.find((one) => one.name === name);
  if (found) return found;
  const names = evaluators.map((one) => one.name);
  throw new Error(`there is no evaluator "${name}"${didYouMean(name, names) || ";"} there are ${names.join(", ")}`);
}
