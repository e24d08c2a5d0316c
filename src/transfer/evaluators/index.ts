/** Lists the evaluators, which fit classifiers to frozen features. */
import type { Setting } from "../../networks/index.js";
import { didYouMean } from "../../text/nearest.js";
import type { Evaluator } from "./evaluator.js";
import { leaveOneOutRidge } from "./leave-one-out-ridge.js";
import { linearProbe } from "./linear-probe.js";
import { logistic } from "./logistic.js";
import { nearestNeighbours } from "./nearest-neighbours.js";
import { prototypes } from "./prototypes.js";
import { ridge } from "./ridge.js";

export {
  accuracyOf,
  type Evaluator,
  type FitContext,
  type FittedHead,
  highestScores,
} from "./evaluator.js";

export { leaveOneOutRidge, linearProbe, logistic, nearestNeighbours, prototypes, ridge };

/** All evaluators, the published few-shot evaluator first. */
export const evaluators: readonly Evaluator[] = [
  ridge,
  leaveOneOutRidge,
  nearestNeighbours,
  prototypes,
  linearProbe,
  logistic,
];

/**
 * The evaluators in closed form, which are cheap enough to be fitted dozens of times for cross-validation. The ridge
 * that selects its own l2 comes first: with the published l2, a few images of unequal classes are all predicted as the
 * largest class.
 */
export const closedFormEvaluators: readonly Evaluator[] = [leaveOneOutRidge, ridge, nearestNeighbours, prototypes];

/** Finds an evaluator by name. Throws for an unknown name; the error lists the evaluators. */
export function evaluatorNamed(name: string): Evaluator {
  const found = evaluators.find((one) => one.name === name);
  if (found) return found;
  const names = evaluators.map((one) => one.name);
  throw new Error(`unknown evaluator "${name}"${didYouMean(name, names) || ";"} available: ${names.join(", ")}`);
}

/**
 * Parses a setting of an evaluator, `k=10`, or several joined by commas; the others have the values of the evaluator's
 * first setting. Throws for unknown names, listing the known ones, and for values that are not numbers.
 */
export function parseSetting({ name, settings, settingNames }: Evaluator, text: string): Setting {
  const first = settings[0] ?? {};
  const names = settingNames ?? Object.keys(first);
  const given = text.split(",").map((part): [string, number] => {
    const [key = "", value = "", ...more] = part.split("=").map((word) => word.trim());
    const number = value === "" || more.length > 0 ? Number.NaN : Number(value);
    if (!names.includes(key)) {
      const known = names.length === 0 ? "it has none" : `available: ${names.join(", ")}`;
      throw new Error(`${name} has no setting "${key}"${didYouMean(key, names) || `; ${known}`}`);
    }
    if (!Number.isFinite(number)) throw new Error(`${name}: "${part}" is not a setting; expected ${key}=NUMBER`);
    return [key, number];
  });
  return { ...first, ...Object.fromEntries(given) };
}

/** Formats a setting: `k=10`. */
export const formatSetting = (setting: Setting): string =>
  Object.entries(setting)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
