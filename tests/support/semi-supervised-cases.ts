/** The rows of the table of objectives (objective-cases.ts) that learn from labelled and unlabelled images at once. */
import {
  exemplarAnswers,
  type Inputs,
  judged,
  logitsOf,
  mean,
  type ObjectiveCase,
  range,
  rotationAnswers,
  side,
  softmaxAnswers,
  turned,
  type Values,
  views,
} from "./objective-cases.js";

const unlabelled = 2;
const size = side * side * 3;

const lossOf = (answers: readonly { readonly loss: number }[]) => mean(answers.map(({ loss }) => loss));

/** Single images [N], one array of pixels each. */
const imagesOf = (pixels: ArrayLike<number>): number[][] =>
  range(pixels.length / size).map((n) => range(size).map((k) => pixels[n * size + k]!));

/** The four turns of an image. */
const turnsOf = (image: readonly number[]): number[][] =>
  turned.map((place) =>
    range(size).map((k) => {
      const [row, column] = place(Math.floor(k / (side * 3)), Math.floor(k / 3) % side);
      return image[(row * side + column) * 3 + (k % 3)]!;
    }),
  );

const logits = (values: Values, image: readonly number[]): number[] => logitsOf(values, { image })[0]!;

function logProbabilities(row: readonly number[]): number[] {
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
  return row.map((z) => z - total);
}

function divergence(row: readonly number[], reference: readonly number[]): number {
  const [p, q] = [logProbabilities(row), logProbabilities(reference)];
  return p.reduce((sum, log, k) => sum + Math.exp(log) * (log - q[k]!), 0);
}

const entropy = (row: readonly number[]) => -logProbabilities(row).reduce((sum, log) => sum + Math.exp(log) * log, 0);

const ofLength = (vector: readonly number[], length: number): number[] => {
  const own = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  return vector.map((x) => (x * length) / own);
};

const moved = (image: readonly number[], by: readonly number[]) => image.map((x, k) => x + by[k]!);

/** The gradient by central differences, pixel by pixel, brought to the length `epsilon`. */
export function plainChange(
  values: Values,
  image: readonly number[],
  direction: readonly number[],
  { epsilon, xi }: { readonly epsilon: number; readonly xi: number },
): number[] {
  const reference = logits(values, image);
  const at = moved(image, ofLength(direction, xi));
  const step = 1e-5;
  const probe = (k: number, by: number) => at.map((x, i) => (i === k ? x + by : x));
  const all = logitsOf(values, { image: range(size).flatMap((k) => [...probe(k, step), ...probe(k, -step)]) });
  const gradient = range(size).map((k) => divergence(all[2 * k]!, reference) - divergence(all[2 * k + 1]!, reference));
  return ofLength(gradient, epsilon);
}

const lengths = { epsilon: 1.5, xi: 0.2 };

/** What a step holds constant: it is worked out from the first values it is asked with, and stays for others (differences). */
const held = new WeakMap<Inputs, { readonly change: number[]; readonly reference: number[] }[]>();

function adversarialLoss(
  values: Values,
  inputs: Inputs,
  images: readonly number[][],
  directions: readonly number[][],
): number {
  let constants = held.get(inputs);
  if (!constants) {
    constants = images.map((image, n) => ({
      change: plainChange(values, image, directions[n]!, lengths),
      reference: logits(values, image),
    }));
    held.set(inputs, constants);
  }
  return mean(
    images.map((image, n) => {
      const { change, reference } = constants[n]!;
      return divergence(logits(values, moved(image, change)), reference);
    }),
  );
}

/** The loss of a step where there are images without labels; else the answers of the evaluation. */
const stepOr =
  (step: (values: Values, inputs: Inputs) => number): ObjectiveCase["plain"] =>
  (values, inputs) =>
    "unlabelled" in inputs ? [{ loss: step(values, inputs), right: 0 }] : softmaxAnswers(values, inputs);

const supervisedOf = (values: Values, images: readonly number[][], labelOf: (n: number) => number) =>
  lossOf(images.map((image, n) => judged(logits(values, image), labelOf(n))));

function rotationLosses(values: Values, { image, label, unlabelled }: Inputs) {
  const turns = imagesOf(image!).flatMap(turnsOf);
  return {
    supervised: supervisedOf(values, turns, (n) => label![Math.floor(n / 4)]!),
    rotation:
      (lossOf(rotationAnswers(values, { image: unlabelled! })) + lossOf(rotationAnswers(values, { image: image! }))) /
      2,
  };
}

const rotationStep = (values: Values, inputs: Inputs) => {
  const { supervised, rotation } = rotationLosses(values, inputs);
  return supervised + 0.7 * rotation;
};

const exemplarStep = (values: Values, { image, label, unlabelled }: Inputs) => {
  const triplet = exemplarAnswers(true);
  const both = (lossOf(triplet(values, { image: unlabelled! })) + lossOf(triplet(values, { image: image! }))) / 2;
  return supervisedOf(values, imagesOf(image!), (n) => label![Math.floor(n / views)]!) + 0.7 * both;
};

const vatStep = (entropyWeight: number) => (values: Values, inputs: Inputs) => {
  const all = (one: string, other: string) => [...imagesOf(inputs[one]!), ...imagesOf(inputs[other]!)];
  const images = all("image", "unlabelled");
  return (
    supervisedOf(values, imagesOf(inputs["image"]!), (n) => inputs["label"]![n]!) +
    0.5 * adversarialLoss(values, inputs, images, all("direction", "unlabelledDirection")) +
    entropyWeight * mean(images.map((image) => entropy(logits(values, image))))
  );
};

const moamStep = (values: Values, inputs: Inputs) => {
  const { supervised, rotation } = rotationLosses(values, inputs);
  const images = imagesOf(inputs["unlabelled"]!).flatMap(turnsOf);
  const directions = imagesOf(inputs["direction"]!).flatMap(turnsOf);
  const adversarial = adversarialLoss(values, inputs, images, directions);
  const entropies = mean(images.map((image) => entropy(logits(values, image))));
  return 0.4 * rotation + 0.3 * supervised + 0.3 * adversarial + 0.3 * entropies;
};

const fewer = { unlabelledBatchSize: unlabelled };
const guess = Math.log(4);

export const semiSupervisedCases: readonly ObjectiveCase[] = [
  {
    title: "S4L-Rotation",
    settings: { name: "s4lRotation", weight: 0.7, ...fewer },
    unlabelled,
    plain: stepOr(rotationStep),
    initialLoss: 1.7 * guess,
  },
  {
    title: "S4L-Exemplar",
    settings: { name: "s4lExemplar", weight: 0.7, views, embedding: 5, ...fewer },
    stack: views,
    evaluationStack: 1,
    unlabelled,
    plain: stepOr(exemplarStep),
    wholeBatch: true,
  },
  {
    title: "VAT and entropy",
    settings: { name: "vat", entropyMinimisation: 0.6, ...lengths, ...fewer },
    unlabelled,
    plain: stepOr(vatStep(0.6)),
    // a head of zeros answers the same whatever it sees: no direction changes it
    initialLoss: 1.6 * guess,
    hostDraws: true,
    trained: { name: "vat", ...fewer },
  },
  {
    title: "MOAM, first step",
    settings: { name: "moam", ...lengths, ...fewer },
    unlabelled,
    plain: stepOr(moamStep),
    initialLoss: 1.0 * guess,
    hostDraws: true,
  },
];
