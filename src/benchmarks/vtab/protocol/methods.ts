/** Lists the transfer methods: classifiers on frozen features, and methods that train the backbone. */
import type { Setting } from "../../../networks/index.js";
import { didYouMean } from "../../../text/nearest.js";
import { fineTuningMethods, type TransferMethod } from "../../../train/index.js";
import { type Evaluator, evaluators } from "../../../transfer/index.js";

/**
 * A method of the protocol: `features` methods share the features of a part, `images` methods process the images
 * themselves.
 */
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

/** All methods, in order. */
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

/** Finds a method by name. Throws for an unknown name; the error lists the methods. */
export function methodNamed(name: string): SuiteMethod {
  const found = suiteMethods.find((one) => one.name === name);
  if (found) return found;
  const names = suiteMethods.map((one) => one.name);
  throw new Error(`unknown method "${name}"${didYouMean(name, names) || ";"} available: ${names.join(", ")}`);
}
