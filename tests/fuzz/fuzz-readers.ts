/**
 * How the readers of weights and of images' files stand damaged ones: thousands of mutations each, what becomes of them, the slowest, and the
 * memory they take. Anything but what was asked for or a refusal is a fault and makes the run fail.
 *
 * usage: npx jiti tests/fuzz/fuzz-readers.ts [--cases 10000] [--seed 1] [--reader NAME] [--json]
 *
 * Reached by seed 1 with 1,000 cases each, beside other work on two cores of an AMD EPYC, Node 20 (processor time; memory
 * over that before the first case): no fault among 20,000, nor among 20,000 of parquet alone (seeds 1 and 2: slowest 61 ms, 166 MB).
 * Most TFRecords, indexes and compressed files are refused for their checksums; "right sums" and "whole" are cases which those do not stop.
 *
 *   reader                   read  refused  mean ms  slowest ms  memory MB
 *   safetensors                43      957     0.02         2.6          1
 *   npz, stored                22      978     0.04         4.2          3
 *   npz, zip64                 21      979     0.03         2.7          2
 *   npz, deflated              25      975     0.03         3.4          3
 *   npy in npz                 53      947     0.12        13.9         22
 *   layouts, bytes             34      966     2.06        30.5         45
 *   layouts, tensors           34      966     3.58        38.0         18
 *   our settings               75      925     1.45        25.1         10
 *   tf.train.Example          274      726     0.01         1.5          0
 *   tfrecord, bytes             0    1,000     0.86        23.8          4
 *   tfrecord, right sums      162      838     0.86        27.6          1
 *   webdataset, bytes         182      818     0.76        31.0          1
 *   webdataset, right sums    790      210     0.95         9.9          1
 *   index of a shard            0    1,000     0.01         2.7          1
 *   parquet                   117      883     0.73        13.7          4
 *   idx                        66      934     1.64        28.3          2
 *   idx, compressed whole     132      868     0.99        28.2          1
 *   cifar                     287      713     1.75        33.2         19
 *   MATLAB file               112      888     0.04        11.2          0
 *   labels file               110      890     3.18        33.2         19
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";
import { WeightsError } from "../../src/formats/error.js";
import { decodeNpz, encodeNpz } from "../../src/formats/npz.js";
import { decodeSafetensors, encodeSafetensors } from "../../src/formats/safetensors.js";
import type { StoredTensor } from "../../src/formats/stored.js";
import { elementCount, input } from "../../src/graph/index.js";
import { type ModelConfig, model, vitConfig } from "../../src/models/index.js";
import { Scope } from "../../src/nn/index.js";
import { type LayoutName, layoutTensors, loadWeights, type Weights } from "../../src/weights/index.js";
import { type Entry, npy, zip } from "../support/archives.js";
import { below, boundaries, type Draw, mutated, pick, random } from "../support/mutations.js";
import { damagedData } from "./damaged.js";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    reader: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const cases = Number(values.cases);

const joined = (parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

const numbers = (shape: readonly number[]) => Float32Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i));
const small = new Map<string, StoredTensor>([
  ["head/kernel", { dtype: "float32", shape: [4, 3], data: numbers([4, 3]) }],
  ["half", { dtype: "bfloat16", shape: [5], data: new Uint16Array([1, 2, 3, 4, 5]) }],
  ["scalar", { dtype: "int64", shape: [], data: new BigInt64Array([7n]) }],
]);
const header = (shape: string, order = "False") => `{'descr': '<f4', 'fortran_order': ${order}, 'shape': ${shape}, }`;
const arrays = [
  npy(header("(4, 3)"), new Uint8Array(48)),
  npy(header("(2, 3, 2)", "True"), new Uint8Array(48)),
  npy("{'descr': '|V2', 'fortran_order': False, 'shape': (3,), }", new Uint8Array(6)),
];
const deflated = (content: Uint8Array, name: string): Entry => ({
  name,
  content,
  method: 8,
  stored: deflateRawSync(content),
});

const config: ModelConfig = {
  family: "vit",
  ...vitConfig("Ti/4", { width: 8, depth: 2, heads: 2, mlpDim: 12, classes: 5, pooling: "tok" }),
};
const tiny: Weights = (() => {
  const image = { height: 8, width: 8, channels: 3 };
  const scope = Scope.root();
  model(scope, input("image", "float32", [1, 8, 8, 3]), config);
  const tensors = new Map(
    scope.parameters.map(({ name, tensor }) => [name, { shape: tensor.shape, data: numbers(tensor.shape) }]),
  );
  return { config, image, tensors, metadata: {} };
})();

/** Tensors of a layout, some of them renamed, reshaped, of another dtype, left out or with NaN. */
function disturbed(layout: LayoutName, draw: Draw): Map<string, StoredTensor> {
  const names = [...layoutTensors(tiny, layout).keys()];
  const victims = new Set(Array.from({ length: 1 + below(draw, 4) }, () => pick(draw, names)));
  const result = new Map<string, StoredTensor>();
  for (const [name, tensor] of layoutTensors(tiny, layout)) {
    if (!victims.has(name)) {
      result.set(name, tensor);
      continue;
    }
    const shape = tensor.shape.map((side) => (draw() < 0.3 ? below(draw, 4) : side));
    const whole = { dtype: "float32", shape, data: numbers(shape) } as const;
    switch (below(draw, 5)) {
      case 0:
        break;
      case 1:
        result.set(name.replace(/\d/, String(below(draw, 2e9))), tensor);
        break;
      case 2:
        result.set(name, whole);
        break;
      case 3:
        result.set(name, { dtype: "int32", shape: [1], data: new Int32Array(1) });
        break;
      default:
        result.set(name, { ...tensor, data: Float32Array.from(tensor.data as Float32Array, () => Number.NaN) });
    }
  }
  return result;
}

/** Settings of a file of ours, some of them of another size or type. */
function disturbedSettings(draw: Draw): string {
  const odd = [
    ...boundaries,
    -1,
    0.5,
    1e300,
    null,
    "x",
    true,
    [],
    {},
    [1e9],
    "sincos2d",
    "relative",
    "everyLayer",
    "after",
  ];
  const settings: Record<string, unknown> = { ...config };
  const keys = Object.keys(settings);
  for (let i = 1 + below(draw, 3); i > 0; i--) settings[pick(draw, keys)] = pick(draw, odd);
  if (draw() < 0.3)
    settings["stem"] = {
      kind: pick(draw, ["resnet", "convolutions", 7]),
      blocks: pick(draw, odd),
      channels: [pick(draw, odd)],
      strides: [pick(draw, odd)],
      widthFactor: pick(draw, odd),
      groups: pick(draw, odd),
    };
  const image = { height: pick(draw, odd), width: pick(draw, odd) };
  return JSON.stringify({ config: settings, image: draw() < 0.5 ? image : tiny.image, metadata: pick(draw, odd) });
}

const folder = mkdtempSync(join(tmpdir(), "fovea-fuzz-"));
const load = async (bytes: Uint8Array) => {
  const path = join(folder, "case");
  writeFileSync(path, bytes);
  await loadWeights(path, { config: {} });
};
const good = {
  safetensors: joined(encodeSafetensors(small, new Map([["format", "pt"]]))),
  stored: joined(encodeNpz(small)),
  wide: joined(encodeNpz(small, { zip64: true })),
  deflated: zip(arrays.map((content, i) => deflated(content, `a/${i}.npy`))),
};
const layoutNames = ["augreg", "timm", "huggingface", "fovea"] as const;

interface Reader {
  /** One case: makes a damaged file, then reads it. */
  readonly make: (draw: Draw) => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
  /** Whether an error is an expected refusal; default: a WeightsError is. */
  readonly refuses?: (error: unknown) => boolean;
}
const readers: Readonly<Record<string, Reader>> = {
  safetensors: { make: (draw) => mutated(good.safetensors, draw), read: decodeSafetensors },
  "npz, stored": { make: (draw) => mutated(good.stored, draw), read: decodeNpz },
  "npz, zip64": { make: (draw) => mutated(good.wide, draw), read: decodeNpz },
  "npz, deflated": { make: (draw) => mutated(good.deflated, draw), read: decodeNpz },
  // right archives around damaged arrays: checksums do not stop these
  "npy in npz": {
    make: (draw) => {
      const content = mutated(pick(draw, arrays), draw);
      return zip([draw() < 0.5 ? deflated(content, "a.npy") : { name: "a.npy", content }]);
    },
    read: decodeNpz,
  },
  "layouts, bytes": {
    make: (draw) => {
      const name = pick(draw, layoutNames);
      const tensors = layoutTensors(tiny, name);
      return mutated(joined(name === "augreg" ? encodeNpz(tensors) : encodeSafetensors(tensors)), draw);
    },
    read: load,
  },
  "layouts, tensors": {
    make: (draw) => {
      const name = pick(draw, layoutNames);
      const tensors = disturbed(name, draw);
      return joined(name === "augreg" ? encodeNpz(tensors) : encodeSafetensors(tensors));
    },
    read: load,
  },
  "our settings": {
    make: (draw) =>
      joined(encodeSafetensors(layoutTensors(tiny, "fovea"), new Map([["fovea", disturbedSettings(draw)]]))),
    read: load,
  },
  ...damagedData(folder),
};

interface Summary {
  readonly reader: string;
  readonly cases: number;
  readonly read: number;
  readonly refused: number;
  readonly faults: readonly string[];
  /** Of processor time, so that a busy machine does not count; the collector's share is in it. */
  readonly meanMs: number;
  readonly slowestMs: number;
  /** How much the memory of the process grew at most over what it was before the first case, in MB. */
  readonly peakMB: number;
}

async function fuzz(
  name: string,
  { make, read, refuses = (error) => error instanceof WeightsError }: Reader,
): Promise<Summary> {
  const draw = random(Number(values.seed) * 7919 + name.length);
  const before = process.memoryUsage().rss;
  let [readCount, refused, slowest, total, peak] = [0, 0, 0, 0, 0];
  const faults: string[] = [];
  for (let i = 0; i < cases; i++) {
    const bytes = make(draw);
    const start = process.cpuUsage();
    try {
      await read(bytes);
      readCount++;
    } catch (error) {
      if (refuses(error)) refused++;
      else faults.push(`case ${i}: ${(error as Error).stack ?? String(error)}`);
    }
    const { user, system } = process.cpuUsage(start);
    const elapsed = (user + system) / 1000;
    total += elapsed;
    slowest = Math.max(slowest, elapsed);
    peak = Math.max(peak, process.memoryUsage().rss - before);
  }
  const milliseconds = (value: number) => Number(value.toFixed(2));
  return {
    reader: name,
    cases,
    read: readCount,
    refused,
    faults,
    meanMs: milliseconds(total / cases),
    slowestMs: milliseconds(slowest),
    peakMB: Math.round(peak / 1e6),
  };
}

const summaries: Summary[] = [];
try {
  for (const [name, reader] of Object.entries(readers)) {
    if (values.reader === undefined || values.reader === name) summaries.push(await fuzz(name, reader));
  }
} finally {
  rmSync(folder, { recursive: true });
}
if (values.json) console.log(JSON.stringify(summaries, null, 2));
else {
  console.table(summaries.map(({ faults, ...rest }) => ({ ...rest, faults: faults.length })));
  for (const { reader, faults } of summaries)
    for (const fault of faults.slice(0, 5)) console.log(`${reader}: ${fault}`);
}
if (summaries.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
