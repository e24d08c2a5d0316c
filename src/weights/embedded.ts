/** Lists the trained backbones in the package (models/), which provide features without a download. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WeightsError } from "../formats/error.js";
import { didYouMean } from "../text/nearest.js";

/** A backbone of the package. Its weights and card are in models/NAME; the build writes an ONNX file beside them, which is not published. */
export interface EmbeddedBackbone {
  readonly name: string;
  /** A description in one line. */
  readonly summary: string;
}

/** The embedded backbones, the smallest first. Their cards state their training data, results and licences. */
export const embeddedBackbones: readonly EmbeddedBackbone[] = [
  { name: "tiny", summary: "a BiT ResNet with units 1, 1, 2, 1, taught by MobileNetV1 and V2" },
  { name: "vit", summary: "a plain Vision Transformer, to look into: learned positions, no teachers" },
  { name: "bit", summary: "the BiT ResNet of tiny with 1.6 times its channels, the best of them" },
  { name: "small", summary: "a Vision Transformer of four blocks on a ResNet, taught by MobileNetV1 and V2" },
];

/** The prefix of the name of an embedded backbone, wherever a network is accepted. */
export const embeddedPrefix = "embedded:";

/** The default backbone. */
export const defaultBackbone = `${embeddedPrefix}bit`;

/** The given backbone, otherwise the default one, which is reported. */
export function backboneOrDefault(given: string | undefined, note: (text: string) => void = () => {}): string {
  if (given !== undefined) return given;
  note(`using the default backbone ${defaultBackbone}; --backbone takes another`);
  return defaultBackbone;
}

/**
 * The folder of an embedded backbone, by its name without `embedded:`. Throws WeightsError for an unknown name; the
 * error lists the names.
 */
export function embeddedFolder(name: string): string {
  const names = embeddedBackbones.map((one) => one.name);
  if (!names.includes(name)) {
    throw new WeightsError(
      `unknown embedded backbone "${name}"${didYouMean(name, names) || ";"} available: ${names.join(", ")}`,
    );
  }
  // Both src/weights and dist/weights lie two folders below the package.
  return join(fileURLToPath(new URL("../../models", import.meta.url)), name);
}
