// How the readers of weights and of images' files stand damaged ones: thousands of mutations each, what becomes of them, the slowest, and the
// memory they take. Anything but what was asked for or a refusal is a fault and makes the run fail.
//
// usage: npx jiti bench/fuzz-readers.ts [--cases 10000] [--seed 1] [--reader NAME] [--json]
//
// Reached with 10,000 cases each on two shared cores, Node 20 (processor time; memory over that before the first case): no
// fault among 80,000.
//
//   reader            read  refused  mean ms  slowest ms  memory MB
//   safetensors        413    9,587     0.04         4.3          5
//   npz, stored        213    9,787     0.09        13.7          9
//   npz, zip64         312    9,688     0.08         7.3          7
//   npz, deflated      289    9,711     0.09         5.2         20
//   npy in npz         418    9,582     0.11         7.8         28
//   layouts, bytes     326    9,674     2.15        86.6         42
//   layouts, tensors   262    9,738     4.23        77.4         41
//   our settings     1,049    8,951     2.17       125.9         60
//
// Readers of images' files, beside other work on two cores of an AMD EPYC (7001 series): no fault among 80,000. (That
// most TFRecords and indexes are refused is their checksums; "right sums" are cases which those do not stop.)
//
//   reader                   read  refused  mean ms  slowest ms  memory MB
//   tf.train.Example        2,671    7,329     0.04         7.2         23
//   tfrecord, bytes             4    9,996     1.36        54.3         23
//   tfrecord, right sums    1,744    8,256     2.30        48.9         33
//   webdataset, bytes       1,809    8,191     1.65        26.2         25
//   webdataset, right sums  7,741    2,259     2.38        42.6         30
//   index of a shard           10    9,990     0.04        12.1         24
//   cifar                   2,987    7,013     2.98        47.6         43
//   labels file               963    9,037     7.26        59.6         47
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";
import { elementCount, input } from "../src/graph/index.js";
import { type ModelConfig, model, vitConfig } from "../src/models/index.js";
import { Scope } from "../src/nn/index.js";
import {
  decodeNpz,
  decodeSafetensors,
  encodeNpz,
  encodeSafetensors,
  type LayoutName,
  layoutTensors,
  loadWeights,
  type StoredTensor,
  type Weights,
  WeightsError,
} from "../src/weights/index.js";
import { damagedData } from "../tests/data/damaged.js";
import { below, boundaries, type Draw, mutated, pick, random } from "../tests/support/mutations.js";
import { type Entry, npy, zip } from "../tests/weights/archives.js";

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
  /** Whether an error is a refusal and no fault; a WeightsError is when left out. */
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
