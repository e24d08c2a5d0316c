/**
 * Initialises a run with the weights of a trained network instead of random ones, adapted to the recipe's images and
 * classes.
 */

import { WeightsError } from "../../formats/error.js";
import type { StoredTensor } from "../../formats/stored.js";
import { type NumericArray, sameShape } from "../../graph/index.js";
import type { ModelConfig } from "../../models/index.js";
import { asWeights, isObjectiveParameter, readNetwork, restoredState } from "../../networks/index.js";
import { averageName, initialName } from "../../optim/index.js";
import { resizeImages, withClasses } from "../../weights/index.js";
import type { TrainingConfig, TrainingProgram } from "../plan/step.js";
import type { RecipeModel } from "../recipe/model.js";
import { canonicalJson } from "../recipe/recipe.js";

/**
 * The recipe's model for a network with images [height, width, channels]: `modelConfig` of it gives the network back.
 */
export function recipeModelOf(config: ModelConfig, [height, width, channels]: readonly number[]): RecipeModel {
  const { family, classes: _, ...rest } = config;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const imageSize = height === width ? height : [height, width];
  return { name: family, ...given, imageSize, channels } as RecipeModel;
}

/** Settings that change the course of training or the head, but not what the network's own layers compute. */
const changeable = [
  "classes",
  "preLogits",
  "dropout",
  "headDropout",
  "stochasticDepth",
  "stochasticDepthRescale",
  "headBiasInit",
  "rematerialise",
];

/**
 * The training program with other initial values: those of the trained network `from` (see `readNetwork`).
 *
 * - Learned positions are resized to the images of the program; token mixing of an MLP-Mixer is repeated (see
 *   `resizeImages`).
 * - The head, and a pre-logits layer that belongs to it, are replaced by a zero-initialised head, even if the number of
 *   classes is the same, because the classes differ. BiT, ViT and VTAB all start fine-tuning in this way (papers.md
 *   1.6, 2.1, 4.3).
 * - An objective's own parameters keep their initial values, unless `from` is a run with the same ones: its objective is
 *   then continued.
 * - The optimiser's state keeps its initial values.
 *
 * All of that, and settings in which the two networks differ, is reported through `note`. Throws what `readNetwork`
 * throws, CheckpointError that lists every parameter that does not fit, and WeightsError for images with other channels
 * or of a size that the network cannot be adapted to.
 */
export async function startFrom(
  training: TrainingProgram,
  from: string,
  { model, image: [height, width, channels] }: Pick<TrainingConfig, "model" | "image">,
  note: (text: string) => void = () => {},
): Promise<TrainingProgram> {
  const network = await readNetwork(from, { image: [height, width], note });
  const weights = asWeights(network);
  if (weights.image.channels !== channels) {
    throw new WeightsError(
      `${from} takes images of ${weights.image.channels} channels and the recipe's have ${channels}; set model.channels to ${weights.image.channels} and make the preprocessing output as many (to_rgb, grey)`,
    );
  }
  const resized = resizeImages(weights, { height, width }, "original", note);
  const { config, tensors } = withClasses(withClasses(resized, 0), model.classes);
  note(`starting from ${network.path}${headLine(resized.config, config)}`);
  for (const line of differences(config, model)) note(`${from}: ${line}`);
  const slots = training.parameters.map(({ name, tensor: { shape } }) => ({ name, shape }));
  const own = slots.filter(({ name }) => isObjectiveParameter(name));
  const theirs = network.objective ?? new Map<string, StoredTensor>();
  const isSame = ({ name, shape }: (typeof own)[number]) => {
    const found = theirs.get(name);
    return found !== undefined && sameShape(found.shape, shape);
  };
  const continues = own.length > 0 && own.length === theirs.size && own.every(isSame);
  if (continues) note("its objective is continued with its parameters");
  const values = restoredState(continues ? slots : slots.filter((slot) => !own.includes(slot)), {
    path: network.path,
    tensors: new Map([
      ...(continues ? theirs : []),
      ...[...tensors].map(([name, { shape, data }]): [string, StoredTensor] => [
        name,
        { dtype: "float32", shape, data },
      ]),
    ]),
  });
  return { ...training, initialState: () => replaced(training.initialState(), values) };
}

/** Describes what happened to the head. */
function headLine(before: ModelConfig, after: ModelConfig): string {
  const old = before.classes > 0 ? `the head of ${before.classes} classes` : "no head";
  if (after.classes === 0) return before.classes > 0 ? `; ${old} is removed` : "";
  const layer = (config: ModelConfig) => config.family === "vit" && config.preLogits !== false;
  const more = layer(before) && !layer(after) ? "; the pre-logits layer is removed too" : "";
  return `; ${old} is replaced by a zero-initialised one for ${after.classes} classes${more}`;
}

/**
 * Initial values, replaced by those of a network where it has them, also in averages of the weights. The arrays are
 * copies, since no two states may share memory.
 */
function replaced(first: Record<string, NumericArray>, values: Readonly<Record<string, NumericArray>>) {
  for (const [name, value] of Object.entries(values))
    for (const slot of [name, averageName(name), initialName(name)])
      if (Object.hasOwn(first, slot)) first[slot] = value.slice();
  return first;
}

/** Settings with which layers of the same shapes compute different results, one line each. */
function differences(theirs: ModelConfig, ours: ModelConfig): string[] {
  const [before, after] = [theirs, ours].map((config) => config as unknown as Readonly<Record<string, unknown>>) as [
    Readonly<Record<string, unknown>>,
    Readonly<Record<string, unknown>>,
  ];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((key) => !changeable.includes(key) && canonicalJson(before[key]) !== canonicalJson(after[key]))
    .map(
      (key) =>
        `it was trained with ${key} ${JSON.stringify(before[key])}; the recipe's model has ${JSON.stringify(after[key])}`,
    );
}
