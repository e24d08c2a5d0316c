/**
 * Compares the engine with PyTorch on the same networks in one session: processes of both alternate, PyTorch with its
 * best settings.
 *
 * usage: npx jiti scripts/speed/beside-pytorch.ts [--python python3] [--rounds 3] [--threads n] [--models S/16:8,R26x0.5:32:64] [--output FILE.json]
 *        a model is NAME:BATCH[:PIXELS]; PyTorch is that of scripts/speed/torch-step.py; threads are all cores by default
 *
 * For each of the three measurements (forward and backward pass, whole training step, inference), every process does 2
 * warm-up runs and 5 measured runs. A result is the best run of all rounds, for both, because other load on a machine
 * only ever slows a run down. Peak memory is that of the training step, the median over rounds. The output file has
 * every round.
 */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { median } from "../../src/algebra/statistics.js";
import { parseModelName } from "../../src/models/index.js";
import { availableThreads } from "../../src/runtime/index.js";
import { type EngineWork, measureInProcess } from "../../src/speed/index.js";
import { markdownTable } from "../../src/text/table.js";
import { fastestMicrobatches } from "../../src/train/index.js";

const { values } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: String(availableThreads()) },
    models: { type: "string", default: "Ti/16:16,S/16:8,B/16:4,R26x0.5:32:64,R50x1:8" },
    output: { type: "string" },
  },
});
const threads = Number(values.threads);
const run = promisify(execFile);
const works: readonly EngineWork[] = ["gradients", "training", "inference"];

interface Case {
  readonly model: string;
  readonly batchSize: number;
  readonly imageSize: number;
}

const cases = values.models.split(",").map((text): Case => {
  const [model = "", batch, pixels = "224"] = text.split(":");
  parseModelName(model);
  return { model, batchSize: Number(batch), imageSize: Number(pixels) };
});

interface Figure {
  readonly imagesPerSecond: number;
  readonly peakBytes: number;
}

async function ours({ model, batchSize, imageSize }: Case, work: EngineWork): Promise<Figure> {
  const microbatches = fastestMicrobatches(parseModelName(model), [imageSize, imageSize], batchSize);
  const found = await measureInProcess({
    model,
    batchSize,
    imageSize,
    microbatches,
    work,
    threads,
    rounds: 5,
    rematerialise: false,
    stepsPerRun: 1,
  });
  return { imagesPerSecond: found.bestImagesPerSecond, peakBytes: found.peakBytes };
}

/** Threads of PyTorch's own operations and of OpenBLAS; the two interfere when both use several. */
const settings = [
  { TORCH_THREADS: String(threads), OPENBLAS_NUM_THREADS: "1" },
  { TORCH_THREADS: "1", OPENBLAS_NUM_THREADS: String(threads) },
];

async function pytorch({ model, batchSize, imageSize }: Case, work: EngineWork, setting: object): Promise<Figure> {
  const script = fileURLToPath(new URL("torch-step.py", import.meta.url));
  // these two would select kernels of an older processor
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  const { stdout } = await run(values.python, [script, model, String(batchSize), String(imageSize), work], {
    env: { ...env, ...setting },
  });
  const found = JSON.parse(stdout) as Record<EngineWork, { best: number }> & { peakBytes: number };
  return { imagesPerSecond: found[work].best, peakBytes: found.peakBytes };
}

interface Row extends Case {
  readonly work: EngineWork;
  readonly ours: readonly Figure[];
  readonly pytorch: readonly (readonly Figure[])[];
}

async function measure(one: Case, work: EngineWork): Promise<Row> {
  const row = { ...one, work, ours: [] as Figure[], pytorch: settings.map((): Figure[] => []) };
  for (let round = 0; round < Number(values.rounds); round++) {
    row.ours.push(await ours(one, work));
    for (const [i, setting] of settings.entries()) row.pytorch[i]!.push(await pytorch(one, work, setting));
  }
  return row;
}

const rate = (figures: readonly Figure[]): number =>
  figures.reduce((most, { imagesPerSecond }) => Math.max(most, imagesPerSecond), 0);
const peak = (figures: readonly Figure[]): number => median(figures.map(({ peakBytes }) => peakBytes));
const names = { gradients: "forward and backward", training: "training step", inference: "inference" };

function lineOf(row: Row): string[] {
  const [first = [], second = []] = row.pytorch;
  const best = rate(first) >= rate(second) ? first : second;
  const memory =
    row.work === "training" ? [peak(row.ours), peak(best)].map((bytes) => (bytes / 1e9).toFixed(2)) : ["", ""];
  return [
    `${row.model}, ${row.imageSize} px, batch ${row.batchSize}`,
    names[row.work],
    rate(row.ours).toFixed(1),
    rate(best).toFixed(1),
    best === first ? "its own" : "OpenBLAS's",
    (rate(row.ours) / rate(best)).toFixed(2),
    ...memory,
  ];
}

const rows: Row[] = [];
for (const one of cases) {
  for (const work of works) {
    const row = await measure(one, work);
    rows.push(row);
    process.stderr.write(`${lineOf(row).join("  ")}\n`);
  }
}
const head = ["network", "", "images/s", "PyTorch", "its threads", "ratio", "GB", "PyTorch's GB"];
process.stdout.write(`${cpus()[0]?.model}, ${threads} threads\n\n${markdownTable(head, rows.map(lineOf))}\n`);
if (values.output !== undefined) await writeFile(values.output, `${JSON.stringify(rows, undefined, 2)}\n`);
