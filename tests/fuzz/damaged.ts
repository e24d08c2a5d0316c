/** Damaged files for every reader of examples, and the reading of them: for the test that reads some and the bench that reads many. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { openSource } from "../../src/data/index.js";
import { decodeIndex, encodeIndex } from "../../src/data/shards/shard-index.js";
import { parseMat } from "../../src/formats/mat.js";
import { parseExample } from "../../src/formats/tf-example.js";
import { ExampleError } from "../../src/images/index.js";
import { below, boundaries, type Draw, mutated, pick, random } from "../support/mutations.js";
import { cifar, example, idx, mat, parquet, records, tar } from "../support/records.js";

export interface DamagedReader {
  /** An undamaged file, which the reader must read. */
  readonly whole: () => Uint8Array;
  readonly make: (draw: Draw) => Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
  readonly refuses: (error: unknown) => boolean;
}

/** Errors that say what is wrong are plain; a TypeError or a RangeError is a mistake of the reader's. */
const refuses = (error: unknown): boolean =>
  error instanceof ExampleError || (error instanceof Error && error.constructor === Error);

const text = (value: string) => new TextEncoder().encode(value);
const picture = Uint8Array.from({ length: 700 }, (_, i) => (i * 31) & 255);
const messages = [
  example({ "image/encoded": picture, "image/class/label": 3, "image/height": 8 }),
  example({ image: picture, label: -1 }, false),
  example({ image: picture, label: "dog" }),
];
const shard = tar({
  "a.jpg": picture,
  "a.cls": text("1"),
  "b.jpg": picture,
  "b.json": text('{"label": "cat"}'),
  "c.png": picture,
  "c.txt": text("dog"),
});
const batch = cifar([
  { labels: [1], level: 3 },
  { labels: [9], level: 4 },
]);
const matrices = [false, true].map((compressed) =>
  mat(
    [
      { name: "ids", dimensions: [1, 2], data: Uint8Array.of(7, 9) },
      { name: "values", dimensions: [2, 3, 2], data: Float64Array.from({ length: 12 }, (_, i) => i / 3) },
    ],
    { compressed, little: !compressed },
  ),
);
const rows = [0, 1, 2].map((label) => ({ bytes: picture.subarray(label), path: `${label}.png`, label }));
const tables = [
  parquet(rows, { names: ["a", "b", "c"] }),
  parquet(rows, { codec: "SNAPPY" }),
  parquet(rows, { codec: "GZIP", compress: (page) => gzipSync(page) }),
];
const digits = idx(
  [3, 4, 4],
  Uint8Array.from({ length: 48 }, (_, i) => i),
);
const digitLabels = idx([3], Uint8Array.of(0, 1, 2));
/** One of the two files of IDX, plain or compressed; a case is its name's first letter and its bytes. */
const idxFiles: readonly (readonly [string, Uint8Array])[] = [
  ["i", digits],
  ["l", digitLabels],
  ["I", gzipSync(digits)],
  ["L", gzipSync(digitLabels)],
];
const index = { keys: ["a", "b"], offsets: [512, 2048], sizes: [700, 700], labels: [0, "dog"], notes: [] };
const wholeIndex = text(encodeIndex({ bytes: 4096, tag: "t", reader: "r" }, index));
/** Files of labels for two examples of these ids. */
const labelsOf = (ids: readonly string[]): Uint8Array[] => [
  text(
    [{ classes: ["a", "b"] }, { id: ids[0], label: [0.5, 0.5] }, { id: ids[1], label: { b: 1 } }]
      .map((line) => JSON.stringify(line))
      .join("\n"),
  ),
  text(`id,label\n${ids[0]},1\n"${ids[1]}",[0.5,0.5,0,0,0,0,0,0,0,1]\n`),
];

/** Numbers of a tar header changed, its checksum made right again: damage that checksums do not stop. */
function damagedHeader(draw: Draw): Uint8Array {
  const bytes = Buffer.from(shard);
  const at = 512 * below(draw, bytes.length / 512 - 2);
  bytes.set(mutated(bytes.subarray(at, at + 512), draw).subarray(0, 512), at);
  if (draw() < 0.5) bytes.write(pick(draw, boundaries).toString(8).slice(0, 11), at + 124);
  if (draw() < 0.5) bytes.write(pick(draw, ["L", "x", "g", "5", "0", "2"]), at + 156);
  bytes.write("        ", at + 148);
  const sum = bytes.subarray(at, at + 512).reduce((a, b) => a + b, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148);
  return bytes;
}

/** The readers; `folder` is written to. Indexes are not kept, or every case would leave one. */
export function damagedData(folder: string): Readonly<Record<string, DamagedReader>> {
  const readSome = async (spec: string): Promise<void> => {
    await using source = await openSource(spec);
    for (let i = 0; i < Math.min(3, source.length); i++) await source.get(i);
  };
  const opening = (name: string, spec: (path: string) => string) => async (bytes: Uint8Array) => {
    writeFileSync(join(folder, "no-cache"), "a file where a folder would have to be");
    process.env["FOVEA_CACHE"] = join(folder, "no-cache");
    mkdirSync(join(folder, name), { recursive: true });
    const path = join(folder, name, "data_batch_1.bin");
    writeFileSync(path, bytes);
    await readSome(spec(path));
  };
  const readIdx = async (bytes: Uint8Array): Promise<void> => {
    const kind = String.fromCharCode(bytes[0] ?? 0);
    const path = join(folder, "idx");
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
    const compressed = kind === "I" || kind === "L";
    const file = (name: string) => join(path, `train-${name}-ubyte${compressed ? ".gz" : ""}`);
    const given = (one: string, whole: Uint8Array) =>
      kind.toLowerCase() === one ? bytes.subarray(1) : compressed ? gzipSync(whole) : whole;
    writeFileSync(file("images-idx3"), given("i", digits));
    writeFileSync(file("labels-idx1"), given("l", digitLabels));
    await readSome(path);
  };
  const marked = (kind: string, bytes: Uint8Array) => Uint8Array.from([kind.charCodeAt(0), ...bytes]);
  const images = join(folder, "data_batch_2.bin");
  writeFileSync(images, batch);
  const labels = labelsOf([`${images}#0`, `${images}#1`]);
  const read = {
    tfrecord: opening("tfrecord", (path) => `tfrecord:${path}`),
    webdataset: opening("webdataset", (path) => `webdataset:${path}`),
    cifar: opening("cifar", (path) => `cifar:${path}`),
    parquet: opening("parquet", (path) => `parquet:${path}`),
    labels: opening("labels", (path) => `cifar:${images}?labels=${path}`),
  };
  return {
    "tf.train.Example": {
      whole: () => messages[0]!,
      make: (draw) => mutated(pick(draw, messages), draw),
      read: (bytes) => parseExample(bytes),
      refuses,
    },
    "tfrecord, bytes": {
      whole: () => records(messages.slice(0, 1)),
      make: (draw) => mutated(records(messages), draw),
      read: read.tfrecord,
      refuses,
    },
    "tfrecord, right sums": {
      whole: () => records(messages.slice(0, 1)),
      make: (draw) => records([mutated(pick(draw, messages), draw)]),
      read: read.tfrecord,
      refuses,
    },
    "webdataset, bytes": {
      whole: () => shard,
      make: (draw) => mutated(shard, draw),
      read: read.webdataset,
      refuses,
    },
    "webdataset, right sums": {
      whole: () => shard,
      make: damagedHeader,
      read: read.webdataset,
      refuses,
    },
    "index of a shard": {
      whole: () => wholeIndex,
      make: (draw) => mutated(wholeIndex, draw),
      read: (bytes) => {
        const of = { place: "p", bytes: 4096, tag: "t", reader: "r" };
        if (!decodeIndex(new TextDecoder().decode(bytes), of, "cache")) throw new Error("no index");
      },
      refuses,
    },
    parquet: {
      whole: () => pick(random(1), tables),
      make: (draw) => mutated(pick(draw, tables), draw),
      read: read.parquet,
      refuses,
    },
    idx: {
      whole: () => marked("I", gzipSync(digits)),
      make: (draw) => {
        const [kind, bytes] = pick(draw, idxFiles);
        return marked(kind, mutated(bytes, draw));
      },
      read: readIdx,
      refuses,
    },
    // right checksums around damaged headers
    "idx, compressed whole": {
      whole: () => marked("I", gzipSync(digits)),
      make: (draw) => {
        const [kind, bytes] = pick(draw, idxFiles.slice(0, 2));
        return marked(kind.toUpperCase(), gzipSync(mutated(bytes, draw)));
      },
      read: readIdx,
      refuses,
    },
    cifar: {
      whole: () => batch,
      make: (draw) => mutated(batch, draw),
      read: read.cifar,
      refuses,
    },
    "MATLAB file": {
      whole: () => matrices[1]!,
      make: (draw) => mutated(pick(draw, matrices), draw),
      read: (bytes) => parseMat(bytes, "a.mat", ["ids", "values"]),
      refuses,
    },
    "labels file": {
      whole: () => labels[0]!,
      make: (draw) => mutated(pick(draw, labels), draw),
      read: read.labels,
      refuses,
    },
  };
}
