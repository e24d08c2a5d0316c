/** The published MobileNets, and a parser of their names, such as "MobileNetV2-1.0" and "MobileNetV3-large-0.75" (papers.md 15). */
import { type MobileNetConfig, mobilenetDefaults } from "./mobilenet.js";
import { mobilenetShapes } from "./shapes.js";

/** Names with the width factors of the authors' released weights. */
export const publishedMobileNets: readonly string[] = [
  ...["0.35", "0.5", "0.75", "1.0", "1.3", "1.4"].map((factor) => `MobileNetV2-${factor}`),
  ...["0.75", "1.0"].flatMap((factor) => ["large", "small"].map((size) => `MobileNetV3-${size}-${factor}`)),
];

/**
 * Configuration of a name, with the given changes: `MobileNet{architecture}-{width factor}`, with or without `MobileNet`. Throws RangeError.
 *
 *     mobilenetConfig("V2-0.5", { classes: 10 });
 */
export function mobilenetConfig(variant: string, changes: Partial<MobileNetConfig> = {}): MobileNetConfig {
  const [, name = "", factor] = /^(?:MobileNet)?(V2|V3-large|V3-small)-(\d+(?:\.\d+)?)$/.exec(variant) ?? [];
  const architecture = isArchitecture(name) ? name : undefined;
  const widthFactor = Number(factor);
  if (!architecture || !(widthFactor > 0)) {
    throw new RangeError(
      `unknown MobileNet "${variant}"; write MobileNet{architecture}-{width factor}, e.g. "MobileNetV2-1.0", with one of ${Object.keys(mobilenetShapes).join(", ")}`,
    );
  }
  return { ...mobilenetDefaults, architecture, widthFactor, ...changes };
}

const isArchitecture = (name: string): name is keyof typeof mobilenetShapes => Object.hasOwn(mobilenetShapes, name);
