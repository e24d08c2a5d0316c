/** Trains in a thread of its own, so that the page stays responsive. */
import { compile, type Program } from "fovea/runtime";
import { classNames, drawBatch, seededRandom, side } from "./drawing.js";
import type { FromPage, FromWorker, Settings } from "./messages.js";
import { sizes, training } from "./network.js";

const post = (message: FromWorker): void => postMessage(message);

/** Whether steps are taken; `resumed` ends the wait of a stopped loop. */
let isRunning = false;
let resumed = (): void => {};

addEventListener("message", ({ data }: MessageEvent<FromPage>) => {
  isRunning = data.kind !== "stop";
  if (data.kind === "start")
    train(data.settings).catch((error: unknown) => post({ kind: "failed", message: String(error) }));
  else resumed();
});

/** Lets messages of the page in. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

async function train({ device, size: name }: Settings): Promise<void> {
  const size = sizes[name];
  const { source, initial, scalarsAt, weights } = training(size);
  const program = await compile(source, { device });
  await program.writeState(initial);
  post({ kind: "ready", weights, threads: program.threads, seconds: program.seconds.compile });
  const random = seededRandom(1);
  const shown = drawBatch(size.batchSize, seededRandom(2));
  for (let step = 0; ; step++) {
    if (step % 10 === 0) await guess(program, shown);
    while (!isRunning) await new Promise<void>((resolve) => (resumed = resolve));
    const batch = drawBatch(size.batchSize, random);
    const started = performance.now();
    const { loss, probabilities } = await program.step({ ...batch, ...scalarsAt(step) });
    const seconds = (performance.now() - started) / 1000;
    post({
      kind: "step",
      step: step + 1,
      loss: Number(loss?.[0]),
      accuracy: accuracyOf(probabilities as Float32Array, batch.labels),
      imagesPerSecond: size.batchSize / seconds,
    });
    await turn();
  }
}

/** Classifies images that are not trained on, and shows the first twelve. */
async function guess(program: Program, { images, labels }: ReturnType<typeof drawBatch>): Promise<void> {
  const { probabilities } = await program.run("predict", { images });
  post({
    kind: "guesses",
    images: images.slice(0, 12 * side * side * 3),
    labels: labels.slice(0, 12),
    probabilities: (probabilities as Float32Array).slice(0, 12 * classNames.length),
  });
}

function accuracyOf(probabilities: Float32Array, labels: Int32Array): number {
  const right = labels.filter((label, i) => {
    const row = probabilities.subarray(i * classNames.length, (i + 1) * classNames.length);
    return row.indexOf(row.reduce((a, b) => Math.max(a, b))) === label;
  });
  return right.length / labels.length;
}
