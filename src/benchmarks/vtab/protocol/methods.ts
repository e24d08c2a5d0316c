/** What a backbone is adapted to a task by: classifiers on frozen features, and methods that train it. */
import type { Setting } from "../../../networks/index.js";
import { didYouMean } from "../../../text/nearest.js";
import { fineTuningMethods, type TransferMethod } from "../../../train/index.js";
import { type Evaluator, evaluators } from "../../../transfer/index.js";

/** A method as the protocol sees it: `features` ones share the features of a part, `images` ones see every image themselves. */
export type SuiteMethod =
  | {
      readonly kind: "features";
      readonly name: string;
      readonly title: string;
      readonly settings: readonly Setting[];
      readonly settingNames?: undefined;
      readonly evaluator: Evaluator;
    }
  | {
      readonly kind: "images";
      readonly name: string;
      readonly title: string;
      readonly settings: readonly Setting[];
      readonly settingNames?: readonly string[];
      readonly method: TransferMethod;
    };

/** All of them by name. */
export const suiteMethods: readonly SuiteMethod[] = [
  ...evaluators.map((evaluator): SuiteMethod => {
    const { name, title, settings } = evaluator;
    return { kind: "features", name, title, settings, evaluator };
  }),
  ...Object.values(fineTuningMethods).map((method): SuiteMethod => {
    const { name, title, settings, settingNames } = method;
    return { kind: "images", name, title, settings, settingNames, method };
  }),
];

/** The method of a name. Throws for an unknown one, naming those there are. */
export function methodNamed(name: string): SuiteMethod {
  const found = suiteMethods.find((one) => one.name === name);
  if (found) return found;
  const names = suiteMethods.map((one) => one.name);
  throw new Error(`there is no method "${name}"${didYouMean(name, names) || ";"} there are ${names.join(", ")}`);
}
