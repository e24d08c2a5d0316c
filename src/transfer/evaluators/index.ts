/** Evaluators: ways to fit a classifier to frozen features, behind one interface. */
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

/** All of them, the published few-shot evaluator first. */
export const evaluators: readonly Evaluator[] = [
  ridge,
  leaveOneOutRidge,
  nearestNeighbours,
  prototypes,
  linearProbe,
  logistic,
];

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

/**
 * A setting of an evaluator from its written form, `k=10`, or numbers joined by commas: the evaluator's first setting with these in
 * place. Throws for other names, naming those there are, and for what is no number.
 */
export function parseSetting({ name, settings, settingNames }: Evaluator, text: string): Setting {
  const first = settings[0] ?? {};
  const names = settingNames ?? Object.keys(first);
  const given = text.split(",").map((part): [string, number] => {
    const [key = "", value = "", ...more] = part.split("=").map((word) => word.trim());
    const number = value === "" || more.length > 0 ? Number.NaN : Number(value);
    if (!names.includes(key)) {
      const known = names.length === 0 ? "it has none" : `there are ${names.join(", ")}`;
      throw new Error(`${name} has no setting "${key}"${didYouMean(key, names) || `; ${known}`}`);
    }
    if (!Number.isFinite(number)) throw new Error(`${name}: "${part}" is no setting; expected ${key}=NUMBER`);
    return [key, number];
  });
  return { ...first, ...Object.fromEntries(given) };
}

/** A setting as it is written: `k=10`. */
export const formatSetting = (setting: Setting): string =>
  Object.entries(setting)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
