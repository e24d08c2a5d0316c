/**
 * Masked patch prediction for Vision Transformers (Dosovitskiy et al., arXiv:2010.11929, section 4.6 and appendix
 * B.1.2; papers.md 9.11). Half of the patches of every image are corrupted. Of these, 80 % have their embedding
 * replaced by a learned mask token (initialised to zero, as the class token is), 10 % by the embedding of another patch
 * of the image, and 10 % are unchanged. From the encoder's output at every corrupted patch, a linear layer predicts the
 * patch's mean colour with 3 bits per channel: 512 classes (8 for grey images). The loss is the mean softmax
 * cross-entropy over corrupted patches.
 *
 * `cells: 4` is the paper's second target: 4 x 4 mean colours per patch, predicted in parallel. Its third target, the
 * pixels with a squared error, is not implemented.
 *
 * The corruption is drawn on the host. Every image has the same number of corrupted patches, so that microbatches have
 * equal weight. Reference: B/16, 1M steps, batch 4096, Adam 2e-4, warmup 10k, cosine. Use `gap` pooling if the
 * representation is used without fine-tuning: this objective trains neither a class token nor attention pooling.
 */
import { z } from "zod";
import type { Batch } from "../../data/index.js";
import {
  add,
  input,
  matmul,
  multiply,
  oneHot,
  reduceMean,
  reduceSum,
  reshape,
  scale,
  subtract,
  type Tensor,
} from "../../graph/index.js";
import type { ValueRange } from "../../images/index.js";
import { type ViTConfig, vit } from "../../models/index.js";
import { dense, type Scope, softmaxCrossEntropy, targetsOf, zeros } from "../../nn/index.js";
import { createRandom, type Random } from "../../random/keyed.js";
import type { Objective, ObjectiveContext, ObjectiveKind } from "./objective.js";
import { requireImages, shareRight, withoutLabels } from "./pretext.js";

export const maskedPatchSchema = z.strictObject({
  name: z.literal("maskedPatch"),
  /** Fraction of the patches that is corrupted. */
  share: z.number().gt(0).max(1).default(0.5),
  /** Cells along the side of a patch whose mean colours are predicted. */
  cells: z.number().int().positive().default(1),
});

export type MaskedPatchSettings = Omit<z.output<typeof maskedPatchSchema>, "name">;

/**
 * Fractions of the corrupted patches: those replaced by the mask token, and those replaced by another patch's
 * embedding.
 */
const masked = 0.8;
const swapped = 0.1;
/** Levels per channel after rounding: 3 bits. */
const levels = 8;

export const maskedPatch: ObjectiveKind<z.output<typeof maskedPatchSchema>> = { ...withoutLabels, open };

/** The corruption of the patches of images, [N, patches] each. */
export interface Corruption {
  /** The index of the patch whose embedding each patch gets. */
  readonly from: Int32Array;
  /** 1 where the mask token is used. */
  readonly masked: Float32Array;
  /** 1 where the colour is predicted. */
  readonly corrupted: Float32Array;
}

/** Draws the corruption of images; `random` returns the generator of each image. */
export function drawCorruption(
  images: number,
  patches: number,
  share: number,
  random: (image: number) => Random,
): Corruption {
  const from = Int32Array.from({ length: images * patches }, (_, i) => i % patches);
  const toMask = new Float32Array(images * patches);
  const corrupted = new Float32Array(images * patches);
  const count = corruptedCount(patches, share);
  for (let image = 0; image < images; image++) {
    const own = random(image);
    const rest = Array.from({ length: patches }, (_, i) => i);
    for (let k = 0; k < count; k++) {
      const patch = rest.splice(own.integer(rest.length), 1)[0]!;
      const at = image * patches + patch;
      corrupted[at] = 1;
      const fate = own.uniform();
      if (fate < masked) toMask[at] = 1;
      else if (fate < masked + swapped) from[at] = (patch + 1 + own.integer(patches - 1)) % patches;
    }
  }
  return { from, masked: toMask, corrupted };
}

const corruptedCount = (patches: number, share: number): number => Math.max(1, Math.round(share * patches));

/** The positions of patches and their cells in an image. */
export interface PatchGrid {
  readonly rows: number;
  readonly columns: number;
  /** In pixels. */
  readonly patchSize: number;
  readonly cells: number;
}

/**
 * Classes [N, patches cells cells] of the cells' mean colours: numbers in base 8, the first channel most significant.
 * `range` holds the values of black and white after preprocessing.
 */
export function meanColours(
  { image, shape }: Pick<Batch, "image" | "shape">,
  { rows, columns, patchSize, cells }: PatchGrid,
  range: ValueRange,
): Int32Array {
  const [n, height, width, channels] = shape;
  const side = patchSize / cells;
  const perImage = rows * columns * cells * cells;
  const classes = new Int32Array(n * perImage);
  for (let i = 0; i < classes.length; i++) {
    const cell = i % (cells * cells);
    const patch = Math.floor(i / (cells * cells)) % (rows * columns);
    const top = Math.floor(patch / columns) * patchSize + Math.floor(cell / cells) * side;
    const left = (patch % columns) * patchSize + (cell % cells) * side;
    const start = Math.floor(i / perImage) * height * width * channels;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let y = top; y < top + side; y++) {
        for (let x = left; x < left + side; x++) sum += image[start + (y * width + x) * channels + c]!;
      }
      const [low, high] = range[range.length === 1 ? 0 : c]!;
      const level = Math.floor((levels * (sum / (side * side) - low)) / (high - low));
      classes[i] = levels * classes[i]! + Math.min(levels - 1, Math.max(0, level));
    }
  }
  return classes;
}

/** Throws RangeError for networks other than Vision Transformers, and for cells that do not divide a patch. */
function open(settings: MaskedPatchSettings, context: ObjectiveContext): Objective {
  const { image: sides, batchSize, evaluationBatchSize } = context;
  const model = visionTransformer(context);
  const { share, cells } = settings;
  const { patchSize } = model;
  if (patchSize % cells !== 0) {
    throw new RangeError(
      `objective.cells: ${cells} does not divide the patch size of ${patchSize} pixels; expected a divisor`,
    );
  }
  const grid = { rows: Math.floor(sides[0] / patchSize), columns: Math.floor(sides[1] / patchSize), patchSize, cells };
  const patches = grid.rows * grid.columns;
  if (patches < 2) {
    throw new RangeError(
      `the objective "maskedPatch" predicts patches from others, but images of ${sides[0]} x ${sides[1]} have ${patches} of ${patchSize} pixels; expected at least 2; set a larger model.imageSize or a smaller model.patchSize`,
    );
  }
  const each = cells * cells;
  const classes = levels ** sides[2];
  const inputs = (images: number) => ({
    image: input("image", "float32", [images, ...sides]),
    from: input("from", "int32", [images, patches]),
    masked: input("masked", "float32", [images, patches]),
    corrupted: input("corrupted", "float32", [images, patches]),
    colour: input("colour", "int32", [images, patches * each]),
  });
  // Logits [n patches cells cells, classes] and the loss [n].
  const answers = (scope: Scope, part: Readonly<Record<string, Tensor>>) => {
    const n = part["image"]!.shape[0]!;
    const own = scope.at("objective").at("maskedPatch");
    const token = own.parameter("mask", [1, 1, model.width], zeros);
    const hidden = reshape(part["masked"]!, [n, patches, 1]);
    // a matrix product gathers rows: every device runs and differentiates it fast
    const corrupt = (tokens: Tensor) =>
      add(multiply(matmul(oneHot(part["from"]!, patches), tokens), subtract(1, hidden)), multiply(hidden, token));
    const encoded = vit(scope, part["image"]!, model, corrupt).patches;
    const head = dense(own.at("colour"), encoded, each * classes, { kernelInitializer: zeros });
    const logits = reshape(head, [n * patches * each, classes]);
    const colours = targetsOf(reshape(part["colour"]!, [n * patches * each]), classes);
    const perPatch = reduceMean(reshape(softmaxCrossEntropy(logits, colours), [n, patches, each]), 2);
    const asked = reduceSum(multiply(perPatch, part["corrupted"]!), 1);
    return { logits, loss: scale(asked, 1 / corruptedCount(patches, share)) };
  };
  const feeds = (batch: Batch, random: (image: number) => Random) => {
    requireImages("maskedPatch", batch, sides);
    const corruption = drawCorruption(batch.label.length, patches, share, random);
    return { ...corruption, image: batch.image, colour: meanColours(batch, grid, context.valueRange) };
  };
  const evaluated = inputs(evaluationBatchSize);
  return {
    name: "maskedPatch",
    inputs: inputs(batchSize),
    trace: (scope, part) => ({ loss: reduceMean(answers(scope, part).loss) }),
    feeds: ({ train }, random) => feeds(train, () => random),
    evaluation: {
      inputs: Object.values(evaluated),
      outputs: (scope) => ({ ...answers(scope, evaluated) }),
      // the corruption of an image is the same in every evaluation
      feeds: (batch) => feeds(batch, (image) => createRandom("maskedPatch", batch.indices[image]!)),
      score: ({ loss, logits }, { corrupted, colour }) => ({
        loss: loss as Float32Array,
        correct: shareRight(
          logits as Float32Array,
          classes,
          evaluationBatchSize,
          Array.from(colour as Int32Array, (answer, row) => ({
            image: Math.floor(row / (patches * each)),
            row,
            answer,
          })).filter(({ row }) => (corrupted as Float32Array)[Math.floor(row / each)] === 1),
        ),
      }),
    },
  };
}

function visionTransformer({ model }: ObjectiveContext): ViTConfig {
  if (model.family === "vit" && model.stem.kind === "patch") return model;
  const given = model.family === "vit" ? `one that cuts them from a stem (${model.stem.kind})` : `a ${model.family}`;
  throw new RangeError(
    `the objective "maskedPatch" needs a Vision Transformer that cuts patches from the image; this model is ${given}; set model.name to "vit" without a stem`,
  );
}
