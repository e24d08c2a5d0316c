/** `fovea evaluate` with a run, an exported ONNX file and a fitted classifier, on generated scenes and IDX files. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowOf } from "../../src/algebra/features.js";
import { openSource } from "../../src/data/index.js";
import { decodeImage } from "../../src/images/index.js";
import { imageRows, open } from "../../src/networks/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("evaluate");
const run = join(root, "run");
const shapes = "generated:shapes?label=shape&size=16&length=60&seed=5";
const threads = ["--threads", "1"];

beforeAll(() => trainTiny(run));
afterAll(() => rmSync(root, { recursive: true }));

async function measured(...words: string[]) {
  const { status, stdout, stderr } = await fovea("evaluate", ...words, ...threads, "--json");
  expect(status, stderr).toBe(0);
  return { document: JSON.parse(stdout), stderr };
}

/** Right ones, counted by the program alone. */
async function rightOnes(spec: string): Promise<{ right: number; images: number }> {
  await using source = await openSource(spec, { split: "test" });
  await using model = await open(run, { output: "logits", threads: 1 });
  const { features, labels } = await imageRows(model.run, source, { ...model, workers: 0 });
  const right = labels.filter((label, row) => {
    const logits = [...rowOf(features, row)];
    return logits.indexOf(Math.max(...logits)) === label;
  });
  return { right: right.length, images: labels.length };
}

/** The images of a source as IDX files, as MNIST has them. */
async function writeIdx(folder: string, spec: string): Promise<readonly string[]> {
  const source = await openSource(spec, { split: "test" });
  const images: Uint8Array[] = [];
  for (let i = 0; i < source.length; i++) {
    const { image, id } = await source.get(i);
    images.push(Uint8Array.from((await decodeImage(image, id)).data));
  }
  const header = (...sizes: number[]) =>
    Buffer.from([0, 0, 8, sizes.length, ...sizes.flatMap((n) => [0, 0, n >> 8, n & 255])]);
  mkdirSync(folder);
  writeFileSync(join(folder, "t10k-images-idx4-ubyte"), Buffer.concat([header(images.length, 16, 16, 3), ...images]));
  writeFileSync(
    join(folder, "t10k-labels-idx1-ubyte"),
    Buffer.concat([header(images.length), Uint8Array.from(source.labels)]),
  );
  await source.close();
  return source.classNames;
}

describe("evaluate", () => {
  test("a run on generated scenes and on the same images as IDX files", async () => {
    const expected = await rightOnes(shapes);
    const { document } = await measured(run, shapes);
    expect(document).toMatchObject({ split: "test", top1: expected, images: expected.images, bad: [] });
    const counted = document.perClass.reduce((sum: number, one: { right: number }) => sum + one.right, 0);
    expect(counted).toBe(expected.right);
    const entries = document.confusion.reduce((sum: number, one: { images: number }) => sum + one.images, 0);
    expect(entries).toBe(expected.images);
    expect(document.mistakes).toHaveLength(expected.images - expected.right);
    const names = await writeIdx(join(root, "idx"), shapes);
    const spec = `${join(root, "idx")}?classes=${names.join(",")}`;
    const again = (await measured(run, spec)).document;
    expect([again.top1, again.perClass, again.confusion]).toEqual([
      document.top1,
      document.perClass,
      document.confusion,
    ]);
    // without names the classes of IDX files are numbers
    const refused = await fovea("evaluate", run, join(root, "idx"), ...threads);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/does not have 4 of the 4 classes .*: 0, 1, 2, 3.*--match order/);
    expect((await measured(run, join(root, "idx"), "--match", "order")).document.top1).toEqual(document.top1);
  });

  test("an exported file says the same as the run", async () => {
    const file = join(root, "run.onnx");
    expect((await fovea("export", run, file)).status).toBe(0);
    const { document } = await measured(file, shapes);
    expect(document.top1).toEqual((await measured(run, shapes)).document.top1);
  });

  test("a fitted classifier, its report, and what is not replaced", async () => {
    const photos = await imageFolder(join(root, "photos"), { apple: 6, leaf: 6, sky: 6 });
    const fitted = join(root, "fitted");
    expect((await fovea("fit", photos, "--backbone", "pixels:4", "--output", fitted)).status).toBe(0);
    const report = join(root, "pages", "report.html");
    const { status, stdout, stderr } = await fovea("evaluate", fitted, photos, "--report", report, ...threads);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/no test split; the accuracy is measured on its split "all"/);
    expect(stdout).toMatch(/class +images +recall % +precision %\napple +6 +100\.0 +100\.0\n/);
    expect(stdout).toMatch(/top-1 accuracy 100\.0 %, 95 % interval 82\.4 to 100\.0 % \(18 of 18 images\)/);
    expect(readFileSync(report, "utf8")).toMatch(/Class by class[\s\S]*There are no mistakes/);
    expect((await fovea("evaluate", fitted, photos, "--report", report)).stderr).toMatch(/exists already/);
    const some = (await measured(fitted, `${photos}?only=leaf,apple`, "--among-set")).document;
    expect(some).toMatchObject({ images: 12, amongSet: true, namedOutsideTheSet: 0 });
  });

  test("what cannot be measured is refused", async () => {
    const headless = await fovea("evaluate", "embedded:tiny", shapes);
    expect(headless.stderr).toMatch(/has no head, so it cannot classify/);
    const match = await fovea("evaluate", run, shapes, "--match", "luck");
    expect([match.status, match.stderr]).toEqual([
      2,
      expect.stringContaining('--match: expected name or order, given "luck"'),
    ]);
    expect(existsSync(join(root, "none"))).toBe(false);
  });
});
