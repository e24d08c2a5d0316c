/**
 * Measures how much the loader slows training: steps on fresh batches compared with steps on one fixed batch, in one
 * run, in alternation.
 *
 *   npm run build && npx jiti scripts/speed/training.ts [RECIPE] [--steps 20] [--rounds 5] [--json] [--data.train.source=...]
 *
 * Both feed the same program in its worker thread. A result is the median over rounds of the ratio of times. Rounds in
 * which the loader reads images for the first time and rounds with decoded images in its cache (if the dataset fits)
 * are reported separately.
 */

import { parseArgs } from "node:util";
import { median } from "../../src/algebra/statistics.js";
import { createLoader } from "../../src/data/index.js";
import { createRandom } from "../../src/random/keyed.js";
import { compile, type Feeds } from "../../src/runtime/index.js";
import { loadRecipe, openTrainingData, parseOverrides, prepareTraining, returnedBatch } from "../../src/train/index.js";

const { values, positionals, tokens } = parseArgs({
  options: {
    steps: { type: "string", default: "20" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
  allowPositionals: true,
  strict: false,
  tokens: true,
});
const own = new Set(["steps", "rounds", "json"]);
const settings = tokens.flatMap((token) =>
  token.kind === "option" && !own.has(token.name) ? [`--${token.name}=${token.value}`] : [],
);
const recipe = await loadRecipe(positionals[0] ?? "recipes/quickstart.ts", parseOverrides(settings));
const { source, parts } = await openTrainingData(recipe);
const { training, objective } = await prepareTraining(recipe, source.length, source.classNames.length);
const { step: stepFunction } = training.source.functions;
const program = await compile({ state: training.source.state, functions: { step: stepFunction! } });
await program.writeState(training.initialState());
const loader = createLoader(parts, {
  batchSize: recipe.batchSize,
  workers: recipe.data.workers,
});

const steps = Number(values.steps);
let step = 0;
let loaded = 0;
const first = (await loader.next())!;
const random = createRandom("bench");
const fixed: Record<string, Feeds[string]> = Object.fromEntries(
  Object.entries(await objective.feeds({ train: first }, random)).map(([name, array]) => [name, array.slice()]),
);
loader.recycle(first);

async function fromLoader(): Promise<void> {
  const batch = (await loader.next())!;
  loaded += recipe.batchSize;
  const given = await objective.feeds({ train: batch }, random);
  const feeds = { ...given, ...training.stepInputs(step++, 0) };
  await program.step(feeds, { transfer: true });
  loader.recycle(returnedBatch(batch, given, feeds));
}

async function fromFixed(): Promise<void> {
  const feeds = { ...fixed, ...training.stepInputs(step++, 0) };
  await program.step(feeds, { transfer: true });
  for (const name of Object.keys(fixed)) fixed[name] = feeds[name]!;
}

async function seconds(body: () => Promise<void>): Promise<number> {
  const started = performance.now();
  for (let i = 0; i < steps; i++) await body();
  return (performance.now() - started) / 1000;
}

await fromLoader();
await fromFixed();
const firstEpoch: number[] = [];
const laterEpochs: number[] = [];
let images = 0;
for (let round = 0; round < Number(values.rounds); round++) {
  const onFixed = await seconds(fromFixed);
  const onLoader = await seconds(fromLoader);
  (loaded <= source.length ? firstEpoch : laterEpochs).push(onLoader / onFixed);
  images = (steps * recipe.batchSize) / onLoader;
}
const result = {
  recipe: recipe.name,
  ratioFirstEpoch: firstEpoch.length > 0 ? median(firstEpoch) : null,
  ratioLaterEpochs: laterEpochs.length > 0 ? median(laterEpochs) : null,
  firstEpoch,
  laterEpochs,
  imagesPerSecond: images,
};
const inWords = (ratio: number | null) => (ratio === null ? "not reached" : ratio.toFixed(3));
console.log(
  values.json
    ? JSON.stringify(result)
    : `time of training with the loader over the time on one fixed batch: first epoch ${inWords(result.ratioFirstEpoch)}, ` +
        `later epochs ${inWords(result.ratioLaterEpochs)} (${images.toFixed(0)} images/s)`,
);
await loader.close();
await program.close();
await objective.close?.();
await source.close();
