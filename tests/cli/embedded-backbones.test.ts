/** `embedded:NAME` wherever the command line takes a network. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultBackbone, embeddedBackbones, inspectWeights } from "../../src/weights/index.js";
import { fovea } from "../support/command-line.js";
import { imageFolder, temporaryFolder } from "../support/trained-run.js";

const root = temporaryFolder("embedded-backbones");
const photos = join(root, "photos");
let parameters: number;

beforeAll(async () => {
  await imageFolder(photos, { apple: 12, leaf: 11 });
  parameters = (await inspectWeights(defaultBackbone)).parameterCount;
});
afterAll(() => rmSync(root, { recursive: true }));

async function document(...words: string[]) {
  const { status, stdout, stderr } = await fovea(...words, "--json");
  expect(status, stderr).toBe(0);
  return { ...JSON.parse(stdout), stderr };
}

describe("a backbone of the package", () => {
  test("is described and listed", async () => {
    const found = await document("inspect", defaultBackbone);
    expect(found).toMatchObject({ parameterCount: parameters, config: { classes: 0 } });
    expect(found.metadata.licence).toMatch(/Apache-2\.0/);
    const before = await document("inspect", `random:${defaultBackbone}`);
    expect(before).toMatchObject({ layout: "random", parameterCount: parameters, config: found.config });
    const listed = await document("models");
    expect(listed.embedded.map(({ name }: { name: string }) => name)).toEqual(
      embeddedBackbones.map(({ name }) => `embedded:${name}`),
    );
    const { stdout } = await fovea("models");
    for (const { name, summary } of embeddedBackbones)
      expect(stdout).toMatch(new RegExp(`embedded:${name}.*${summary}`));
  });

  test("is written elsewhere", async () => {
    const [onnx, weights] = [join(root, "network.onnx"), join(root, "network.safetensors")];
    expect((await document("export", defaultBackbone, onnx)).bytes).toBeGreaterThan(4 * parameters);
    await document("convert", defaultBackbone, weights);
    expect((await document("inspect", weights)).parameterCount).toBe(parameters);
    const folder = join(root, "web");
    expect((await document("export", defaultBackbone, folder)).files).toContain("onnx/model.onnx");
  });

  test("is what fit takes when none is named, at another size where that is asked for", async () => {
    const output = join(root, "classifier");
    const found = await document("fit", photos, "--output", output, "--folds", "3", "--image-size", "32");
    expect(found.stderr).toContain(`using the default backbone ${defaultBackbone}`);
    expect(found.backbone).toMatchObject({ kind: "network", parameters: expect.any(Number), imageShape: [32, 32, 3] });
    expect(existsSync(join(output, "onnx", "model.onnx"))).toBe(true);
    const { predictions } = await document("predict", output, join(photos, "leaf"));
    expect(predictions).toHaveLength(11);
  });

  test("is trained on, and measured", async () => {
    const plan = await document(
      ...["finetune", defaultBackbone, photos, "--image-size", "64", "--batch", "4", "--dry-run"],
      ...["--output", join(root, "finetuned")],
    );
    // the backbone and a head of two classes
    expect(plan.parameters).toBeGreaterThan(parameters);
    const found = await document("corruptions", defaultBackbone, photos, "--corruptions", "fog", "--severities", "5");
    expect(found.model).toMatchObject({ kind: "network", parameters });
    expect(found.clean.images).toBe(12);
  });

  test("names no classes by itself, and says what to do", async () => {
    const { status, stderr } = await fovea("predict", defaultBackbone, photos);
    expect(status).toBe(1);
    expect(stderr).toMatch(/has no head, so it cannot classify; .* fit a classifier on them \(fovea fit\)/);
  });
});
