/** Pictures and sets that the data tests are made of; everything is written to temporary folders. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll } from "vitest";
import { type ImageSource, openSource } from "../../src/data/index.js";
import { closable } from "../../src/files/closable.js";

export { idx, parquet, tar } from "./records.js";

/** Makes a temporary folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-data-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a source that is closed after the tests of the file. */
export async function openUntilEnd(...args: Parameters<typeof openSource>): Promise<ImageSource> {
  const source = await openSource(...args);
  opened.push(source);
  return source;
}

const opened: ImageSource[] = [];
afterAll(async () => {
  for (const source of opened.splice(0)) await source.close();
});

export function write(folder: string, files: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** A picture whose left half is `left` and right half `right`, so that orientation shows. */
export function halves(width: number, height: number, left: readonly number[], right: readonly number[]): Sharp {
  const channels = left.length as 3;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(x < width / 2 ? left : right, (y * width + x) * channels);
  }
  return sharp(data, { raw: { width, height, channels } });
}

/** A lossless picture of one grey level, by which tests tell examples apart. */
export function flat(level: number, size = 8): Promise<Buffer> {
  return halves(size, size, [level, level, level], [level, level, level]).png().toBuffer();
}

/** A JPEG with detail, long enough to be cut. */
export async function detailedJpeg(size = 64): Promise<Buffer> {
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => (i * i * 7919 + i * 31) & 255);
  return sharp(data, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A small set of nine lossless pictures: labels, class names, and level = 10 * number within the split, for every kind of storage. */
export const sample = {
  classNames: ["cat", "dog 2", "dog 10"],
  train: [0, 0, 1, 1, 2, 2],
  test: [0, 1, 2],
} as const;

export function sampleFiles(): Promise<Record<string, Buffer>> {
  return collect((split, label, i) => `${split}/${sample.classNames[label]}/${i}.png`);
}

async function collect(name: (split: string, label: number, i: number) => string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const split of ["train", "test"] as const) {
    for (const [i, label] of sample[split].entries()) files[name(split, label, i)] = await flat(10 * i);
  }
  return files;
}

/** A source of raw 4x4 images whose pixels are all the example's index (and length + label above it), for loader tests. */
export function numbered(
  length: number,
  broken: ReadonlySet<number> = new Set(),
  onGet: (index: number) => void = () => undefined,
): ImageSource {
  return closable<ImageSource>({
    name: "numbered",
    split: "train",
    classNames: ["even", "odd"],
    length,
    labels: Int32Array.from({ length }, (_, i) => i % 2),
    get: async (index) => {
      onGet(index);
      const bytes = Buffer.from("not an image");
      if (broken.has(index)) return { id: `number ${index}`, label: index % 2, image: { kind: "encoded", bytes } };
      return {
        id: `number ${index}`,
        label: index % 2,
        image: { kind: "raw", data: new Uint8Array(48).fill(index), height: 4, width: 4, channels: 3 },
      };
    },
    close: async () => undefined,
  });
}
