/** User-defined stages of a preprocessing, which its string form names. */
import type { Random } from "../../random/keyed.js";
import { type Definition, definitions } from "../../text/definitions.js";
import type { PixelImage } from "../image.js";

export interface PreprocessingDefinition extends Definition {
  /** Whether it draws random numbers, as augmentations do. The evaluation of a network skips such stages. Default: true. */
  readonly random?: boolean;
  /** Returns a changed copy of an image. All random numbers come from `random`, so that a resumed run draws them again. */
  apply(image: PixelImage, random: Random): PixelImage | Promise<PixelImage>;
}

const stages = definitions<PreprocessingDefinition>("preprocessing", "definePreprocessing");

/**
 * Defines a stage of a preprocessing, and returns its string form, `custom("NAME","VERSION")`. A function cannot be sent to another thread,
 * so such images are loaded in the calling thread (`data.workers` 0, the default for them).
 *
 * Throws RangeError for a name or version with other characters than letters, digits, dots, dashes and underscores.
 *
 * @example
 * const invert = definePreprocessing({
 *   name: "invert",
 *   random: false,
 *   apply: (image) => (image.kind === "raw" ? { ...image, data: image.data.map((value) => 255 - value) } : image),
 * });
 * preprocessing(`decode|resize(64)|${invert}|value_range(-1,1)`);
 */
export function definePreprocessing(definition: PreprocessingDefinition): string {
  const { version = "1" } = definition;
  if (!/^[\w.-]+$/.test(version)) {
    throw new RangeError(`definePreprocessing: the version is "${version}"; expected letters, digits, dots and dashes`);
  }
  return customText(stages.add(definition).definition, version);
}

export const customText = (name: string, version: string): string => `custom("${name}","${version}")`;

/** The definition of a stage. Throws an Error that says what to import if it is not defined. */
export const customStage = (name: string, version: string): PreprocessingDefinition =>
  stages.get({ definition: name, version });
