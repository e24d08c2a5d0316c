/** `fovea pseudo-label`: labels by a tiny network over 20 views, and what a source makes of the file. */

import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLoader, openSource } from "../../src/data/index.js";
import { open } from "../../src/networks/index.js";
import { createRandom } from "../../src/random/keyed.js";
import { fovea } from "../support/command-line.js";
import { temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("pseudo-label");
const network = join(root, "run");
const photos = join(root, "photos");
const [side, wide, views, classes] = [16, 18, 20, 3] as const;
const names = ["apple", "leaf", "sky"] as const;

/** Three classes of four photos: noise over a colour, of which every crop and turn is another picture. */
async function writePhotos(): Promise<void> {
  for (const [k, name] of names.entries()) {
    mkdirSync(join(photos, name), { recursive: true });
    for (let i = 0; i < 4; i++) {
      const random = createRandom(name, i);
      const pixels = Uint8Array.from({ length: wide * wide * 3 }, (_, at) =>
        Math.floor((at % 3 === k ? 100 : 40) + 150 * random.uniform()),
      );
      const raw = { width: wide, height: wide, channels: 3 } as const;
      await sharp(pixels, { raw })
        .png()
        .toFile(join(photos, name, `${i}.png`));
    }
  }
}

/** Probabilities of every image, its views cut and turned here, pixel by pixel. */
let expected: number[][];

beforeAll(async () => {
  await writePhotos();
  const preprocessed = { source: photos, preprocessing: "decode|resize(16)|value_range(-1,1)" };
  await trainTiny(network, {
    data: { train: preprocessed, workers: 0 },
    total: { steps: 6 },
    checkpoint: { every: { steps: 6 } },
  });
  const model = await open(network, { output: "logits", batchSize: views, threads: 1 });
  const source = await openSource(photos);
  const preprocessing = `decode_resize(${wide})|value_range(-1,1)`;
  const loader = createLoader(source, { batchSize: source.length, preprocessing, evaluation: true, workers: 0 });
  const { image: all } = (await loader.next())!;
  await loader.close();
  const turned = [
    (r: number, c: number) => [r, c],
    (r: number, c: number) => [c, side - 1 - r],
    (r: number, c: number) => [side - 1 - r, side - 1 - c],
    (r: number, c: number) => [side - 1 - c, r],
  ] as const;
  const places = [0, 2].flatMap((top) => [0, 2].map((left) => [top, left] as const)).concat([[1, 1]]);
  expected = [];
  for (let n = 0; n < source.length; n++) {
    const looks = places.flatMap(([top, left]) =>
      turned.flatMap((place) =>
        Array.from({ length: side * side * 3 }, (_, k) => {
          const [row, column] = place(Math.floor(k / (side * 3)), Math.floor(k / 3) % side) as [number, number];
          return all[((n * wide + top + row) * wide + left + column) * 3 + (k % 3)]!;
        }),
      ),
    );
    const logits = await model.run({ image: Float32Array.from(looks) });
    const mean = Array.from({ length: classes }, (_, c) =>
      Array.from({ length: views }, (_, v) => Number(logits[v * classes + c])).reduce((a, b) => a + b / views, 0),
    );
    const total = mean.reduce((sum, z) => sum + Math.exp(z), 0);
    expected.push(mean.map((z) => Math.exp(z) / total));
  }
  await model.close();
});
afterAll(() => rmSync(root, { recursive: true }));

async function labelled(...words: string[]) {
  const { status, stdout, stderr } = await fovea("pseudo-label", network, photos, "--threads", "1", ...words, "--json");
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as { images: number; labelled: number; agreement: number; views: number };
}

const best = (row: readonly number[]) => row.indexOf(Math.max(...row));

test("the file has the class of the mean logits over five crops in four turns, and a source trains on it", async () => {
  const output = join(root, "labels.jsonl");
  const own = await openSource(photos);
  const agreeing = expected.filter((row, n) => best(row) === own.labels[n]).length / expected.length;
  const { agreement, ...rest } = await labelled("--output", output);
  expect(rest).toMatchObject({ images: 12, labelled: 12, views: 20 });
  expect(agreement).toBeCloseTo(agreeing, 10);
  expect(new Set(expected.map(best)).size).toBeGreaterThan(1);
  const source = await openSource(`${photos}?labels=${output}`);
  expect([...source.labels]).toEqual(expected.map(best));
  expect(source.classNames).toEqual(own.classNames);
  const again = await fovea("pseudo-label", network, photos, "--output", output);
  expect(again).toMatchObject({ status: 1, stderr: expect.stringMatching(/exists already.*--overwrite/) });
});

test("a folder without class folders is labelled, and opened with the labels", async () => {
  const unsorted = join(root, "flat");
  mkdirSync(unsorted);
  for (const name of names) cpSync(join(photos, name, "0.png"), join(unsorted, `${name}.png`));
  const output = join(root, "flat.jsonl");
  const { status, stdout, stderr } = await fovea("pseudo-label", network, unsorted, "--output", output, "--json");
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ images: 3, labelled: 3, source: unsorted });
  const source = await openSource(`${unsorted}?labels=${output}`);
  expect([...source.labels]).toEqual([0, 4, 8].map((n) => best(expected[n] ?? [])));
  expect(source.classNames).toEqual([...names]);
});

test("soft labels as CSV, of the images the network is sure of", async () => {
  const output = join(root, "soft.csv");
  const sure = [...expected.map((row) => Math.max(...row))].sort((a, b) => a - b);
  const confidence = (sure[5]! + sure[6]!) / 2;
  expect(await labelled("--output", output, "--soft", "--confidence", `${confidence}`)).toMatchObject({ labelled: 6 });
  const source = await openSource(`${photos}?labels=${output}`);
  expect(source).toMatchObject({ length: 6, vectorTargets: true });
  const kept = expected.filter((row) => Math.max(...row) >= confidence);
  for (const [i, row] of kept.entries()) {
    const { targets } = await source.get(i);
    for (const [k, p] of row.entries()) expect(targets![k]).toBeCloseTo(p, 5);
  }
});

test("without crops and turns the labels are those of the images as they are; what does not fit is refused", async () => {
  const output = join(root, "plain.jsonl");
  expect(await labelled("--output", output, "--crops", "1", "--rotations", "1")).toMatchObject({
    views: 1,
    labelled: 12,
  });
  expect(readFileSync(output, "utf8").split("\n")).toHaveLength(14);
  const refused = async (...words: string[]) => (await fovea("pseudo-label", network, ...words)).stderr;
  const other = "generated:shapes?label=color&size=16&length=4";
  expect(await refused(other, "--output", join(root, "x.csv"))).toMatch(/are not those of .*write a \.jsonl file/);
  expect(await refused(photos, "--output", join(root, "x.txt"))).toMatch(/neither \.jsonl nor \.csv/);
  expect(await refused(photos, "--crops", "3")).toMatch(/--crops: expected 1 or 5, given "3"/);
  expect(await refused(photos, "--output", join(root, "y.jsonl"), "--confidence", "1")).toMatch(
    /choose a lower confidence/,
  );
});
