/** `fovea embed` with a tiny trained network. */

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import { imageRows, open } from "../../src/networks/index.js";
import { defaultBackbone } from "../../src/weights/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder, trainTiny } from "../support/trained-run.js";

const root = temporaryFolder("embed");
const network = join(root, "run");
const photos = join(root, "photos");
const checkpoint = join(network, "checkpoints", "step-000000003.safetensors");

beforeAll(async () => {
  await trainTiny(network);
  await imageFolder(photos, { apple: 40, leaf: 3 });
});
afterAll(() => rmSync(root, { recursive: true }));

test("one row an image in the order of the source, with what made it", async () => {
  const output = join(root, "new", "folder", "shapes.safetensors");
  const spec = "generated:shapes?label=shape&size=16&length=35";
  const { status, stdout } = await fovea("embed", network, spec, "--split", "test", "--output", output, "--json");
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    output,
    checkpoint,
    source: spec,
    split: "test",
    images: 35,
    width: 16,
    bad: [],
  });
  const { tensors, metadata } = await readSafetensors(output);
  const source = await openSource(spec, { split: "test" });
  const model = await open(checkpoint);
  const expected = await imageRows(model.run, source, { ...model, workers: 0 }).finally(model.close);
  expect(tensors.get("features")).toEqual({ dtype: "float32", shape: [35, 16], data: expected.features.data });
  expect(new Set(expected.features.data).size).toBeGreaterThan(300);
  expect(tensors.get("labels")).toEqual({ dtype: "int32", shape: [35], data: source.labels });
  expect(JSON.parse(metadata.get("ids")!)).toEqual(Array.from({ length: 35 }, (_, i) => `${spec}/test#${i}`));
  expect(JSON.parse(metadata.get("classNames")!)).toEqual(source.classNames);
  expect(Object.fromEntries(metadata)).toMatchObject({
    checkpoint,
    source: spec,
    split: "test",
    preprocessing: "decode_resize(16)|value_range(-1,1)",
  });
  expect(readdirSync(join(root, "new", "folder"))).toEqual(["shapes.safetensors"]);
});

test("without a backbone it takes the usual one; another may stand behind the source", async () => {
  const output = join(root, "usual.safetensors");
  const usual = await fovea("embed", photos, "--output", output, "--json");
  expect(usual.status).toBe(0);
  expect(usual.stderr).toContain(`using the default backbone ${defaultBackbone}`);
  expect(JSON.parse(usual.stdout)).toMatchObject({ source: photos, images: 43, model: { kind: "network" } });
  const pixels = await fovea("embed", photos, "--backbone", "pixels:2", "--output", output, "--overwrite", "--json");
  expect(JSON.parse(pixels.stdout)).toMatchObject({ source: photos, width: 12, checkpoint: "pixels:2" });
  const two = await fovea("embed", network, photos, "--backbone", "pixels:2");
  expect(two).toMatchObject({ status: 2, stderr: expect.stringContaining("BACKBONE is given by --backbone already") });
});

test("broken images are named, counted and left out", async () => {
  const faulty = await imageFolder(join(root, "faulty"), { apple: 40, leaf: 3 });
  for (const name of ["apple/7.png", "apple/9.png", "leaf/1.png"]) writeFileSync(join(faulty, name), "not an image");
  const output = join(root, "faulty.safetensors");
  const { status, stdout, stderr } = await fovea("embed", network, faulty, "--output", output);
  expect(status).toBe(0);
  expect(stderr).toMatch(/3 images could not be read and were excluded:\n.*apple\/7\.png: not an image/);
  expect(stderr).toMatch(/image 43\/43 {2}100 %/);
  expect(stdout).toMatch(/^.*faulty\.safetensors: features \[40, 16\] and labels \[40\] of .*faulty \(all\)\n/);
  const { tensors, metadata } = await readSafetensors(output);
  const whole = join(root, "whole.safetensors");
  await fovea("embed", network, photos, "--output", whole);
  const other = await readSafetensors(whole);
  const name = (id: string) => id.split("/").slice(-2).join("/");
  const ids = (JSON.parse(metadata.get("ids")!) as string[]).map(name);
  const all = (JSON.parse(other.metadata.get("ids")!) as string[]).map(name);
  expect(ids).toEqual(all.filter((id) => !["apple/7.png", "apple/9.png", "leaf/1.png"].includes(id)));
  // every row is that of its own image
  for (const [row, id] of ids.entries()) {
    const at = all.indexOf(id);
    expect(tensors.get("features")!.data.slice(row * 16, row * 16 + 16)).toEqual(
      other.tensors.get("features")!.data.slice(at * 16, at * 16 + 16),
    );
    expect(tensors.get("labels")!.data[row]).toBe(id.startsWith("apple") ? 0 : 1);
  }
});

test("nothing is written when it fails, and what was there stays", async () => {
  const output = join(root, "kept.safetensors");
  writeFileSync(output, "before");
  const none = join(root, "none");
  mkdirSync(join(none, "apple"), { recursive: true });
  writeFileSync(join(none, "apple", "1.png"), "not an image");
  const refused = await fovea("embed", network, photos, "--output", output);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/exists already.*--overwrite/) });
  const failed = await fovea("embed", network, none, "--output", output, "--overwrite");
  expect(failed).toMatchObject({ status: 1, stdout: "" });
  expect(failed.stderr).toMatch(/1\.png: not an image/);
  expect(readdirSync(root).filter((name) => name.startsWith(".writing"))).toEqual([]);
  expect(readFileSync(output, "utf8")).toBe("before");
  const { status } = await fovea("embed", network, photos, "--output", output, "--overwrite");
  expect(status).toBe(0);
  expect((await readSafetensors(output)).tensors.get("labels")!.shape).toEqual([43]);
});

test.each([
  ["a wrong checkpoint", () => [join(root, "rum"), photos], 1, /did you mean "run"/],
  ["a wrong source", () => [network, join(root, "fotos")], 1, /did you mean "photos"/],
  ["an output that is a folder", () => [network, photos, "--output", root], 1, /is a folder; name the file to write/],
  ["a wrong split", () => [network, photos, "--split", "test"], 1, /has no split "test"/],
  [
    "no threads",
    () => [network, photos, "--threads", "0"],
    2,
    /--threads: expected a whole number of at least 1, given "0"/,
  ],
])("%s is one clear message", async (_name, words, status, message) => {
  const ran = await fovea("embed", ...words());
  expect(ran.stderr).toMatch(message);
  expect(ran).toMatchObject({ status, stdout: "" });
});
