// `fovea models`: every published variant with its dimensions, parameters and cost.
import { afterEach, describe, expect, test, vi } from "vitest";
import { run } from "../../src/cli/main.js";
import { publishedViTs, vitConfig, vitSize } from "../../src/models/index.js";

afterEach(() => vi.restoreAllMocks());

/** Runs the program in this process. */
async function fovea(...words: string[]) {
  let stdout = "";
  let stderr = "";
  const take = (add: (text: string) => void) => (chunk: string | Uint8Array) => {
    add(String(chunk));
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(
    take((text) => {
      stdout += text;
    }),
  );
  vi.spyOn(process.stderr, "write").mockImplementation(
    take((text) => {
      stderr += text;
    }),
  );
  const status = await run(["models", ...words]);
  vi.restoreAllMocks();
  return { status, stdout, stderr };
}

interface Document {
  pooling: string;
  classes: number;
  models: { name: string; width: number; parameters: number; cost: { imageSize: number; flops: number }[] }[];
}

describe("fovea models", () => {
  test("lists every published model, with the figures of its traced graph", async () => {
    const { status, stdout } = await fovea("--json");
    expect(status).toBe(0);
    const { models, pooling, classes } = JSON.parse(stdout) as Document;
    expect({ pooling, classes }).toEqual({ pooling: "gap", classes: 1000 });
    expect(models.map(({ name }) => name)).toEqual(publishedViTs);
    for (const { name, parameters, cost, ...dimensions } of models) {
      const { width, depth, heads, mlpDim, patchSize } = vitConfig(name);
      expect(dimensions).toEqual({ width, depth, heads, mlpDim, patchSize });
      expect(parameters).toBe(vitSize(name).parameters);
      expect(cost).toEqual([224, 384].map((size) => ({ imageSize: size, flops: vitSize(name, { size }).flops })));
    }
  });

  test("prints a table whose columns line up", async () => {
    const { stdout } = await fovea("S/16");
    const [head, row] = stdout.split("\n");
    expect(row!.length).toBe(head!.length);
    expect(head!.split(/ {2,}/)).toEqual([
      "name",
      "parameters",
      "GFLOPs 224",
      "GFLOPs 384",
      "width",
      "depth",
      "heads",
      "MLP",
    ]);
    expect(row!.split(/ {2,}/)).toEqual(["S/16", "22,049,896", "9.15", "30.9", "384", "12", "6", "1536"]);
  });

  test("filters by variant, which differ in case, and takes any patch size", async () => {
    const names = async (...words: string[]) =>
      (JSON.parse((await fovea(...words, "--json")).stdout) as Document).models.map(({ name }) => name);
    expect(await names("S")).toEqual(["S/32", "S/16"]);
    expect(await names("s")).toEqual(["s/28", "s/16"]);
    expect(await names("B/4", "--image-size", "32")).toEqual(["B/4"]);
  });

  test("counts another head, pooling and size", async () => {
    const { stdout } = await fovea("g/14", "--pooling", "map", "--classes", "29593", "--image-size=224", "--json");
    expect((JSON.parse(stdout) as Document).models[0]!.parameters).toBe(1_078_144_921);
    const large = await fovea("B/16", "--pooling", "tok", "--image-size", "512", "--json");
    expect((JSON.parse(large.stdout) as Document).models[0]).toMatchObject({
      parameters: 87_203_560,
      cost: [{ imageSize: 512 }],
    });
  });

  test.each([
    [["X/16"], /unknown variant "X\/16"/],
    [["Tj"], /unknown variant "Tj".*did you mean "Ti"/],
    [["constructor"], /unknown variant "constructor"/],
    [["B/16/2", "--json"], /unknown variant "B\/16\/2"/],
    [["B/0"], /unknown variant "B\/0"/],
    [["--image-size", "8"], /--image-size: 8 pixels are less than a patch of mu\/16/],
    [["--image-size", "no"], /--image-size: "no" is not a whole number/],
    [["--classes", "-1"], /--classes: "-1" is not a whole number/],
    [["--pooling", "max"], /--pooling: "max" is none of gap, tok, map, none/],
  ])("%j is a mistake it explains", async (words, message) => {
    const { status, stdout, stderr } = await fovea(...words);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });

  test("has examples in its help", async () => {
    const { status, stdout } = await fovea("--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/EXAMPLES[\s\S]*fovea models S/);
  });
});
