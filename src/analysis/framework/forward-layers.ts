/** All layers of a network in the order of its forward pass, with short labels. */
import type { Subject } from "./subject.js";

/** A recorded intermediate that ends a layer or half of a block. */
export interface Layer {
  /** Name of the intermediate. */
  readonly name: string;
  /** Short label with the numbers of the name: "block 3", "unit 2.1". */
  readonly label: string;
}

/** Labels of the intermediates that end a layer, by the pattern of their names (src/models/*.ts lists the names). */
const labels: readonly (readonly [pattern: RegExp, label: string])[] = [
  [/^root$/, "root"],
  [/^stem\/conv(\d+)\/output$/, "conv $1"],
  [/^block(\d+)\/unit(\d+)\/output$/, "unit $1.$2"],
  [/^stem$/, "patches"],
  [/^Transformer\/encoderblock_(\d+)\/afterAttention$/, "attention $1"],
  [/^Transformer\/encoderblock_(\d+)\/output$/, "block $1"],
  [/^MixerBlock_(\d+)\/afterTokenMixing$/, "mixing $1"],
  [/^MixerBlock_(\d+)\/output$/, "block $1"],
  [/^encoded$/, "last norm"],
  [/^features$/, "last norm"],
  [/^preLogits$/, "features"],
  [/^logits$/, "logits"],
];

/**
 * Layers from the image to the output: the stem, each block (after attention or token mixing, and at its end; of a ResNet each unit), the last
 * norm, the features and the logits.
 */
export function forwardLayers({ intermediates }: Pick<Subject, "intermediates">): readonly Layer[] {
  return [...intermediates.keys()].flatMap((name) => {
    const found = labels.find(([pattern]) => pattern.test(name));
    return found ? [{ name, label: name.replace(found[0], found[1]) }] : [];
  });
}
