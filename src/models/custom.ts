/** User-defined models: functions from a scope and images to features, which recipes and checkpoints name. */
import type { Tensor } from "../graph/index.js";
import { classifierHead, type Scope } from "../nn/index.js";
import { type Definition, definitions, type Reference } from "../text/definitions.js";

/** Plain settings of user-defined parts, which recipes and checkpoints store. */
export type CustomSettings = Readonly<Record<string, number | string | boolean | number[]>>;

/** Configuration of a user-defined model: what its definition is called, and what it is built with. */
export interface CustomConfig extends Reference {
  readonly settings: CustomSettings;
  /** Number of classes of the head; 0 removes the head. */
  readonly classes: number;
  readonly headBiasInit: number;
  readonly headDropout?: number;
  /** Whether the definition should recompute blocks in the backward pass (`Scope.block`). */
  readonly rematerialise: boolean;
}

/** What a model function is built with. */
export type CustomContext<S extends CustomSettings> = Pick<CustomConfig, "classes" | "rematerialise"> & {
  readonly settings: S;
};

/** Features [N, width] and, if the network has a head, logits [N, classes]. */
export interface CustomOutput {
  readonly preLogits: Tensor;
  readonly logits: Tensor | undefined;
}

export interface ModelDefinition<S extends CustomSettings = CustomSettings> extends Definition {
  /** Settings that `build` reads, such as widths. A checkpoint stores them, and its network is built with them again. */
  readonly settings?: S;
  /** Side of the images in pixels, or [height, width]. */
  readonly imageSize: number | [number, number];
  /** Channels of the images. Default: 3. */
  readonly channels?: number;
  /**
   * Traces the network on images [N, H, W, C] (float32, or float16 with `compute`). It returns the features [N, width], to which a linear
   * head is added, or features and logits [N, classes] of a head of its own. Parameters are those of the scope; `scope.name` records
   * intermediates.
   */
  build(scope: Scope, images: Tensor, context: CustomContext<S>): Tensor | CustomOutput;
}

/** The settings of a user-defined model in a recipe. */
export interface CustomModel extends Reference {
  name: "custom";
  settings: Record<string, number | string | boolean | number[]>;
  imageSize: number | [number, number];
  channels: number;
}

const models = definitions<ModelDefinition>("model", "defineModel");

/** Why a user-defined model cannot be built, and what to do; undefined if it can. */
export const customModelProblem = models.problem;

/**
 * Defines a model by a function, and returns `model` of a recipe that trains it. Recipes and checkpoints store its name, version and
 * settings; whoever resumes a run or opens a checkpoint first imports the file that calls this function. A later definition of the same name
 * replaces an earlier one.
 *
 * Throws RangeError for a name with other characters than letters, digits, dots, dashes and underscores.
 *
 * @example
 * const net = defineModel({
 *   name: "small-net",
 *   imageSize: 28,
 *   settings: { width: 64 },
 *   build: (scope, images, { settings }) => {
 *     const pixels = reshape(images, [images.shape[0] ?? 1, 28 * 28 * 3]);
 *     return gelu(dense(scope.at("hidden"), pixels, settings.width));
 *   },
 * });
 */
export function defineModel<S extends CustomSettings = CustomSettings>(definition: ModelDefinition<S>): CustomModel {
  const { imageSize, channels = 3, settings } = definition;
  return { name: "custom", ...models.add(definition), settings: { ...settings }, imageSize, channels };
}

/** Traces a user-defined model. Throws an Error that says what to import if it is not defined, and what its function throws. */
export function customModel(
  scope: Scope,
  images: Tensor,
  config: CustomConfig,
): CustomOutput & { readonly intermediates: Readonly<Record<string, Tensor>> } {
  const { settings, classes, rematerialise } = config;
  const built = models.get(config).build(scope, images, { settings, classes, rematerialise });
  const preLogits = scope.name("preLogits", "preLogits" in built ? built.preLogits : built);
  const logits = "preLogits" in built ? built.logits : classifierHead(scope, preLogits, config);
  return { preLogits, logits, intermediates: scope.intermediates };
}
