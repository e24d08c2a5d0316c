/**
 * Measures the loader against sharp alone on the same files, with the same number of images in flight, in one run.
 *
 *   npm run build && npx jiti scripts/speed/loader.ts [--source FOLDER] [--size 64] [--seconds 2] [--rounds 5] [--json]
 *
 * "Sharp alone" is the plainest loop around sharp that yields the same pixels in memory: read the file, decode, crop and resize, raw
 * bytes. The loader does that and shuffles, converts to floating point, batches and hands over from its own thread. Both take
 * turns within each round, so that a busy machine slows both; the figure is the median of the rounds. Nothing is cached.
 * Without --source the embedded clothing photos are written to a temporary folder first.
 *
 * With --augment it measures what RandAugment costs instead: decode, inception crop to --size (224 there), flip, with and
 * without randaug(2,15), images a second of the loader, taking turns.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { createLoader, type ImageSource, openSource } from "../../src/data/index.js";
import { imageHeader } from "../../src/images/index.js";
import { createRandom } from "../../src/random/keyed.js";

interface Case {
  readonly name: string;
  readonly preprocessing: string;
  /** Processes one file with sharp, given its bytes and, for the crop, its size. */
  alone(bytes: Uint8Array, width: number, height: number): Promise<unknown>;
}

const { values } = parseArgs({
  options: {
    source: { type: "string" },
    size: { type: "string" },
    augment: { type: "boolean", default: false },
    seconds: { type: "string", default: "2" },
    rounds: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const size = Number(values.size ?? (values.augment ? 224 : 64));
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);
const random = createRandom("bench loader");

const cases: readonly Case[] = [
  {
    name: "evaluation: decode and resize",
    preprocessing: `decode_resize(${size})|value_range(-1,1)`,
    alone: (bytes) => sharp(bytes).resize(size, size, { kernel: "linear" }).raw().toBuffer(),
  },
  {
    name: "training: decode, crop, resize, flip",
    preprocessing: `decode|inception_crop(${size})|flip_lr|value_range(-1,1)`,
    alone: (bytes, width, height) => {
      const share = random.range(0.5, 1);
      const [w, h] = [Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share))];
      const box = { left: random.integer(width - w + 1), top: random.integer(height - h + 1), width: w, height: h };
      return sharp(bytes)
        .extract(box)
        .resize(size, size, { fit: "fill", kernel: "linear" })
        .flop(random.uniform() < 0.5)
        .raw()
        .toBuffer();
    },
  },
];

interface File {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

/** Images per second of `lanes` loops of sharp over the files. */
async function sharpRate(files: readonly File[], lanes: number, { alone }: Case): Promise<number> {
  let images = 0;
  const since = performance.now();
  const end = since + seconds * 1000;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      const { path, width, height } = files[images++ % files.length]!;
      await alone(await readFile(path), width, height);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return (images / (performance.now() - since)) * 1000;
}

/** Images per second of a loader with one thread and `lanes` images in flight, after its first batches. */
async function loaderRate(
  source: ImageSource,
  lanes: number,
  { preprocessing }: Pick<Case, "preprocessing">,
): Promise<number> {
  await using loader = createLoader(source, { batchSize: 32, preprocessing, concurrency: lanes, cacheBytes: 0 });
  // Excludes the start of the thread from the loader's rate.
  for (let i = 0; i < 3; i++) loader.recycle((await loader.next())!);
  let images = 0;
  const since = performance.now();
  while (performance.now() < since + seconds * 1000) {
    const batch = (await loader.next())!;
    images += batch.mask.length;
    loader.recycle(batch);
  }
  return (images / (performance.now() - since)) * 1000;
}

async function writeFiles(folder: string): Promise<void> {
  const source = await openSource("embedded:clothing", { split: "train" });
  for (let i = 0; i < 512; i++) {
    const { image, label } = await source.get(i);
    if (image.kind !== "encoded") throw new Error("the embedded clothing set holds encoded images");
    await mkdir(join(folder, String(label)), { recursive: true });
    await writeFile(join(folder, String(label), `${i}.jpg`), image.bytes);
  }
  await source.close();
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

/** The loader's images per second without and with RandAugment, and the ratio of the second to the first. */
async function measureAugmentation(source: ImageSource): Promise<void> {
  const plain = `decode|inception_crop(${size})|flip_lr`;
  const augmented = `${plain}|randaug(2,15)`;
  const pairs: [number, number][] = [];
  for (let round = 0; round < rounds; round++) {
    const without = await loaderRate(source, 2, { preprocessing: plain });
    pairs.push([without, await loaderRate(source, 2, { preprocessing: augmented })]);
  }
  const report = {
    size,
    imagesPerSecondWithout: median(pairs.map(([without]) => without)),
    imagesPerSecondWith: median(pairs.map(([, rate]) => rate)),
    ratio: median(pairs.map(([without, rate]) => rate / without)),
    preprocessing: augmented,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
  };
  if (values.json) console.log(JSON.stringify(report, undefined, 2));
  else {
    const [without, rate] = [report.imagesPerSecondWithout.toFixed(0), report.imagesPerSecondWith.toFixed(0)];
    console.log(`${plain}: ${without}/s, with randaug(2,15): ${rate}/s, ratio ${report.ratio.toFixed(2)}`);
  }
}

/** Every case with one and with two images in flight. */
async function measureAgainstSharp(source: ImageSource): Promise<void> {
  const files: File[] = [];
  for (let i = 0; i < source.length; i++) {
    const { id, image } = await source.get(i);
    files.push({ path: id, ...(await imageHeader(image, id)) });
  }
  const results = [];
  for (const measured of cases) {
    for (const lanes of [1, 2]) {
      const pairs: [number, number][] = [];
      for (let round = 0; round < rounds; round++) {
        pairs.push([await sharpRate(files, lanes, measured), await loaderRate(source, lanes, measured)]);
      }
      const sharpImagesPerSecond = median(pairs.map(([alone]) => alone));
      const loaderImagesPerSecond = median(pairs.map(([, loader]) => loader));
      const ratio = median(pairs.map(([alone, loader]) => loader / alone));
      results.push({
        case: measured.name,
        preprocessing: measured.preprocessing,
        lanes,
        sharpImagesPerSecond,
        loaderImagesPerSecond,
        ratio,
      });
      if (!values.json) {
        const figures = [sharpImagesPerSecond, loaderImagesPerSecond].map((rate) => rate.toFixed(0).padStart(6));
        console.log(
          `${measured.name}, ${lanes} in flight: sharp ${figures[0]}/s, loader ${figures[1]}/s, ratio ${ratio.toFixed(2)}`,
        );
      }
    }
  }
  const report = {
    files: files.length,
    size,
    node: process.version,
    sharp: sharp.versions.sharp,
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    ratio: results.reduce((least, { ratio }) => Math.min(least, ratio), Number.POSITIVE_INFINITY),
    results,
  };
  if (values.json) console.log(JSON.stringify(report, undefined, 2));
  else console.log(`least ratio ${report.ratio.toFixed(2)} (to reach: 0.9)`);
}

const temporary = values.source === undefined ? await mkdtemp(join(tmpdir(), "fovea-bench-")) : undefined;
try {
  if (temporary) await writeFiles(temporary);
  const source = await openSource(`folder:${values.source ?? temporary}`);
  await (values.augment ? measureAugmentation(source) : measureAgainstSharp(source));
  await source.close();
} finally {
  if (temporary) await rm(temporary, { recursive: true });
}
