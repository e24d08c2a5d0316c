/**
 * The table of objectives: the settings each is tested with, and what it computes, in float64 and as plain loops, from the
 * values of parameters and the inputs of a step. tests/train/objectives/objectives.test.ts runs over it.
 */
import type { Batch, ImageSource } from "../../src/data/index.js";
import { closable } from "../../src/files/closable.js";
import { rawImage } from "../../src/images/index.js";
import { createRandom } from "../../src/random/keyed.js";
import type { Batches, RecipeInput } from "../../src/train/index.js";
import { distantPermutations } from "../../src/train/objectives/permutations.js";
import { plainViT } from "./plain-vit.js";
import { uniform } from "./vit-cases.js";

/** Images of a step, and classes of the source. */
export const images = 4;
export const classes = 4;
/** Side of what the network sees; four patches. */
export const side = 8;
export const network = { patchSize: 4, width: 8, depth: 1, heads: 2, mlpDim: 12 } as const;

export type Values = Readonly<Record<string, Float64Array>>;
/** The inputs of a step or of an evaluation, as numbers. */
export type Inputs = Readonly<Record<string, ArrayLike<number>>>;

/** Of every image: its loss, and the share of right answers. */
export interface Answer {
  readonly loss: number;
  readonly right: number;
}

export interface ObjectiveCase {
  readonly title: string;
  readonly settings: RecipeInput["objective"];
  /** Pictures of an image that lie below each other; default: 1. */
  readonly stack?: number;
  /** The same for images it is judged on; default: `stack`. */
  readonly evaluationStack?: number;
  /** Images without labels in a step, of an objective that reads them too. */
  readonly unlabelled?: number;
  /**
   * The mean of the losses is the loss of a step; the evaluation gives the answers one by one. Where there are images without
   * labels, a step is told from the evaluation by the input `unlabelled`.
   */
  readonly plain: (values: Values, inputs: Inputs) => readonly Answer[];
  /** The loss before the first step, where it is known. */
  readonly initialLoss?: number;
  /** Does the host draw inputs? */
  readonly hostDraws?: boolean;
  /** Can gradients be accumulated over microbatches? Default: true. */
  readonly wholeBatch?: boolean;
  /** The settings in a run of a few steps, where others show more (dropout); default: `settings`. */
  readonly trained?: RecipeInput["objective"];
}

export const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
export const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
export const range = (count: number) => Array.from({ length: count }, (_, i) => i);

function plainNetwork(
  values: Values,
  pixels: ArrayLike<number>,
  height: number,
  corrupt?: Parameters<typeof plainViT>[4],
) {
  const count = pixels.length / (height * side * 3);
  const config = {
    ...network,
    classes: "head/kernel" in values ? classes : 0,
    pooling: "gap",
    poolNorm: "before",
    posEmbedding: "learn",
    posEmbeddingLayers: "input",
    classTokenOrder: "before",
    preLogits: false,
    gelu: "tanh",
    layerNormEpsilon: 1e-6,
  } as const;
  return plainViT(values, pixels, [count, height, side, 3], config, corrupt);
}

const rowsOf = (data: Float64Array, width: number): number[][] =>
  range(data.length / width).map((i) => [...data.subarray(i * width, (i + 1) * width)]);

/** The representations of single pictures. */
export const representations = (values: Values, pixels: ArrayLike<number>): number[][] =>
  rowsOf(plainNetwork(values, pixels, side)["preLogits"]!, network.width);

export function dense(values: Values, name: string, row: readonly number[]): number[] {
  const kernel = values[`${name}/kernel`]!;
  const bias = values[`${name}/bias`]!;
  return Array.from(bias, (b, o) => row.reduce((sum, x, k) => sum + x * kernel[k * bias.length + o]!, b));
}

/** Cross-entropy of a label, and whether the highest logit is its. */
export function judged(logits: readonly number[], label: number): Answer {
  const top = Math.max(...logits);
  const total = top + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - top), 0));
  return { loss: total - logits[label]!, right: Number(logits.indexOf(top) === label) };
}

const together = (answers: readonly Answer[]): Answer => ({
  loss: mean(answers.map(({ loss }) => loss)),
  right: mean(answers.map(({ right }) => right)),
});

export const logitsOf = (values: Values, inputs: Inputs): number[][] =>
  rowsOf(plainNetwork(values, inputs["image"]!, side)["logits"]!, classes);

export const softmaxAnswers = (values: Values, inputs: Inputs): Answer[] =>
  logitsOf(values, inputs).map((row, i) => judged(row, inputs["label"]![i]!));

const sigmoidAnswers = (values: Values, inputs: Inputs): Answer[] =>
  logitsOf(values, inputs).map((row, i) => {
    const label = inputs["label"]![i]!;
    const loss = row.reduce((sum, z, k) => sum + softplus(k === label ? -z : z), 0);
    return { loss, right: judged(row, label).right };
  });

/** The four turns of papers.md 10.1, entry by entry. */
export const turned: readonly ((row: number, column: number) => readonly [number, number])[] = [
  (r, c) => [r, c],
  (r, c) => [c, side - 1 - r],
  (r, c) => [side - 1 - r, side - 1 - c],
  (r, c) => [side - 1 - c, r],
];

export function rotationAnswers(values: Values, { image }: Inputs): Answer[] {
  const size = side * side * 3;
  return range(image!.length / size).map((n) =>
    together(
      turned.map((place, turn) => {
        const pixels = range(size).map((k) => {
          const [row, column] = place(Math.floor(k / (side * 3)), Math.floor(k / 3) % side);
          return image![n * size + (row * side + column) * 3 + (k % 3)]!;
        });
        return judged(dense(values, "objective/rotation", representations(values, pixels)[0]!), turn);
      }),
    ),
  );
}

export const views = 3;

/** Distances by subtraction, not by products; rows that are not valid are left out. */
export function exemplarAnswers(hard: boolean) {
  return (values: Values, { image, valid }: Inputs): Answer[] => {
    const unit = representations(values, image!).map((row) => {
      const x = dense(values, "objective/exemplar", row);
      const length = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
      return x.map((v) => v / length);
    });
    const all = range(unit.length);
    const imageOf = (i: number) => Math.floor(i / views);
    const squared = (i: number, j: number) => unit[i]!.reduce((sum, v, k) => sum + (v - unit[j]![k]!) ** 2, 0);
    const distance = (i: number, j: number) => Math.sqrt(Math.max(squared(i, j), 1e-12));
    const answers = all.map((a): Answer => {
      const positives = all.filter((p) => imageOf(p) === imageOf(a) && p !== a);
      const negatives = all.filter((n) => imageOf(n) !== imageOf(a) && (valid?.[n] ?? 1) === 1);
      const nearest = (others: readonly number[]) => Math.min(...others.map((i) => squared(a, i)));
      const right = Number(nearest(positives) < nearest(negatives));
      if (hard) {
        const furthest = Math.max(...positives.map((p) => distance(a, p)));
        return { loss: softplus(furthest - Math.min(...negatives.map((n) => distance(a, n)))), right };
      }
      const pairs = positives.map((p) => {
        const distances = negatives.map((n) => squared(a, n));
        const further = distances.filter((d) => d > squared(a, p));
        const chosen = further.length > 0 ? Math.min(...further) : Math.max(...distances);
        return Math.max(0, 0.5 + squared(a, p) - chosen);
      });
      return { loss: mean(pairs), right };
    });
    return range(unit.length / views).map((n) => together(answers.slice(n * views, (n + 1) * views)));
  };
}

/** The nine embeddings of every image. */
function embeddings(values: Values, image: ArrayLike<number>): number[][][] {
  const rows = representations(values, image).map((row) => dense(values, "objective/embedding", row));
  return range(rows.length / 9).map((n) => rows.slice(n * 9, (n + 1) * 9));
}

function patchHead(values: Values, joined: readonly number[]): number[] {
  const hidden = dense(values, "objective/head/hidden", joined);
  const centre = mean(hidden);
  const variance = mean(hidden.map((x) => (x - centre) ** 2));
  const scale = values["objective/head/norm/scale"]!;
  const bias = values["objective/head/norm/bias"]!;
  const normed = hidden.map((x, k) => ((x - centre) / Math.sqrt(variance + 1e-5)) * scale[k]! + bias[k]!);
  return dense(
    values,
    "objective/head/classes",
    normed.map((x) => Math.max(x, 0)),
  );
}

const permutations = 6;
const subset = 3;

const orders = distantPermutations(permutations, 9);

function jigsawAnswers(values: Values, { image, order }: Inputs): Answer[] {
  return embeddings(values, image!).map((patches) =>
    together(
      range(subset).map((k) => {
        const number = order![k]!;
        return judged(
          patchHead(
            values,
            orders[number]!.flatMap((patch) => patches[patch]!),
          ),
          number,
        );
      }),
    ),
  );
}

const relativeAnswers = (values: Values, { image }: Inputs): Answer[] =>
  embeddings(values, image!).map((patches) =>
    together(
      [0, 1, 2, 3, 5, 6, 7, 8].map((i, place) => judged(patchHead(values, [...patches[i]!, ...patches[4]!]), place)),
    ),
  );

const tokens = 4;

function maskedAnswers(cells: number) {
  return (values: Values, { image, from, masked, corrupted }: Inputs): Answer[] => {
    const width = network.width;
    const token = values["objective/maskedPatch/mask"]!;
    const encoded = plainNetwork(values, image!, side, (x, n) =>
      x.map((_, i) => {
        const at = n * tokens + Math.floor(i / width);
        return masked![at] === 1 ? token[i % width]! : x[from![at]! * width + (i % width)]!;
      }),
    )["encoded"]!;
    return range(image!.length / (side * side * 3)).map((n) => {
      const asked = range(tokens).filter((t) => corrupted![n * tokens + t] === 1);
      return together(
        asked.flatMap((t) => {
          const at = (n * tokens + t) * width;
          const all = dense(values, "objective/maskedPatch/colour", [...encoded.subarray(at, at + width)]);
          return range(cells * cells).map((cell) =>
            judged(all.slice(cell * 512, (cell + 1) * 512), colourOf(image!, n, t, cell, cells)),
          );
        }),
      );
    });
  };
}

/** The 3-bit mean colour of a cell of a patch, of values from -1 to 1. */
function colourOf(image: ArrayLike<number>, n: number, patch: number, cell: number, cells: number): number {
  const size = network.patchSize / cells;
  const perRow = side / network.patchSize;
  const top = Math.floor(patch / perRow) * network.patchSize + Math.floor(cell / cells) * size;
  const left = (patch % perRow) * network.patchSize + (cell % cells) * size;
  const bits = range(3).map((c) => {
    const values = range(size * size).map((k) => {
      const [y, x] = [top + Math.floor(k / size), left + (k % size)];
      return image[((n * side + y) * side + x) * 3 + c]!;
    });
    return Math.min(7, Math.floor(((mean(values) + 1) / 2) * 8));
  });
  return 64 * bits[0]! + 8 * bits[1]! + bits[2]!;
}

const patchSettings = { embedding: 6, hidden: 10, dropout: 0 };
const jigsawSettings = { name: "jigsaw", permutations, subset, ...patchSettings } as const;
const relativeSettings = { name: "relativePatch", ...patchSettings } as const;

/** Objectives of whole images. */
export const objectiveCases: readonly ObjectiveCase[] = [
  { title: "softmax", settings: { name: "softmax" }, plain: softmaxAnswers, initialLoss: Math.log(classes) },
  {
    title: "sigmoid",
    settings: { name: "sigmoid" },
    plain: sigmoidAnswers,
    // papers.md 12.5, K = 4 and a bias of 0
    initialLoss: classes * Math.log(2),
  },
  { title: "rotation", settings: { name: "rotation" }, plain: rotationAnswers, initialLoss: Math.log(4) },
  {
    title: "exemplar, hardest of the batch",
    settings: { name: "exemplar", views, embedding: 5 },
    stack: views,
    plain: exemplarAnswers(true),
    wholeBatch: true,
  },
  {
    title: "exemplar, semi-hard",
    settings: { name: "exemplar", views, embedding: 5, triplet: "semiHard" },
    stack: views,
    plain: exemplarAnswers(false),
    wholeBatch: true,
  },
];

/** Objectives of the patches of an image. */
export const patchCases: readonly ObjectiveCase[] = [
  {
    title: "jigsaw",
    settings: jigsawSettings,
    stack: 9,
    plain: jigsawAnswers,
    initialLoss: Math.log(permutations),
    hostDraws: true,
    trained: { ...jigsawSettings, dropout: 0.2 },
  },
  {
    title: "relative patch location",
    settings: relativeSettings,
    stack: 9,
    plain: relativeAnswers,
    initialLoss: Math.log(8),
    trained: { ...relativeSettings, dropout: 0.2 },
  },
  {
    title: "masked patches",
    settings: { name: "maskedPatch" },
    plain: maskedAnswers(1),
    initialLoss: Math.log(512),
    hostDraws: true,
  },
  {
    title: "masked patches, 2 x 2 colours each",
    settings: { name: "maskedPatch", cells: 2 },
    plain: maskedAnswers(2),
    initialLoss: Math.log(512),
    hostDraws: true,
  },
];

/** A batch of every stream, of random pixels from -1 to 1; the last `padding` images are none. */
export function batchesOf({ stack = 1, unlabelled }: ObjectiveCase, padding = 0): Batches {
  const train = batchOf(images, stack, "images", padding);
  return unlabelled === undefined ? { train } : { train, unlabelled: batchOf(unlabelled, stack, "unlabelled", 0) };
}

function batchOf(count: number, stack: number, key: string, padding: number): Batch {
  const image = uniform(count * stack * side * side * 3, key);
  image.fill(0, ((count - padding) / count) * image.length);
  return {
    image,
    shape: [count, stack * side, side, 3],
    label: Int32Array.from({ length: count }, (_, i) => (i * 3) % classes),
    mask: Float32Array.from({ length: count }, (_, i) => Number(i < count - padding)),
    indices: Int32Array.from({ length: count }, (_, i) => (i < count - padding ? i : -1)),
    epoch: 0,
    position: { epoch: 0, batch: 0, seed: 0, batchSize: count, length: count },
  };
}

/** A source of pictures that can be told apart: each image has a colour, each place a shade, each picture of a stack one more. */
export function stackedSource({ stack = 1 }: ObjectiveCase, length: number): ImageSource {
  const labels = Int32Array.from({ length }, (_, i) => i % classes);
  const height = stack * side;
  const pixels = (i: number) => {
    const random = createRandom("stacked", i);
    return Uint8Array.from({ length: height * side * 3 }, (_, k) => {
      const [y, x, c] = [Math.floor(k / (side * 3)), Math.floor(k / 3) % side, k % 3];
      const picture = Math.floor(y / side);
      const place = stack === 9 ? [picture % 3, Math.floor(picture / 3), 1][c]! - 1 : 0;
      const shade = [x, y % side, 0][c]! * 8;
      return 90 + 25 * Math.sin(3 * i + 2 * c) + 40 * place + shade + 20 * random.uniform();
    });
  };
  return closable<ImageSource>({
    name: "stacked",
    split: "all",
    classNames: range(classes).map(String),
    length,
    labels,
    get: async (i) => ({ id: `${i}`, label: labels[i]!, image: rawImage(pixels(i), height, side, 3) }),
    close: async () => undefined,
  });
}
