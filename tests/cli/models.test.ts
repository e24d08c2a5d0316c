/** `fovea models`: every published variant with its dimensions, parameters and cost. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { run } from "../../src/cli/main.js";
import { modelSeries, modelSize, parseModelName, publishedModels } from "../../src/models/index.js";
import { augRegFile, type PublishedAugReg, publishedAugReg } from "../../src/weights/index.js";

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
  classes: number;
  models: {
    name: string;
    series: string;
    family: string;
    config: object;
    imageSize: number;
    preprocessing: string;
    source: string;
    parameters: number;
    cost: { imageSize: number; flops: number }[];
  }[];
}

const documentOf = async (...words: string[]) => JSON.parse((await fovea(...words, "--json")).stdout) as Document;
const namesOf = async (...words: string[]) => (await documentOf(...words)).models.map(({ name }) => name);

describe("fovea models", () => {
  test("lists every published model with its configuration and the figures of its traced graph", async () => {
    const { models, classes } = await documentOf("--image-size", "224");
    expect(classes).toBe(1000);
    expect(models).toEqual(
      publishedModels.map((one) => {
        const { parameters, flops } = modelSize({ ...one.config, classes: 1000 });
        // JSON leaves out what is undefined
        const config = JSON.parse(JSON.stringify({ ...one.config, classes: 1000 })) as object;
        return { ...one, config, parameters, cost: [{ imageSize: 224, flops }] };
      }),
    );
  });

  test("prints a table whose columns line up, one heading a series", async () => {
    const { stdout } = await fovea("S");
    const [head, blank, heading, first, second] = stdout.split("\n");
    expect(head!.split(/ {2,}/)).toEqual([
      "name",
      "parameters",
      "GFLOPs 224",
      "GFLOPs 384",
      "input",
      "preprocessing",
      "dimensions",
    ]);
    expect(blank).toBe("");
    expect(heading).toBe(`${modelSeries.vit.title} (${modelSeries.vit.source})`);
    expect(second!.split(/ {2,}/)).toEqual([
      "S/16",
      "22,049,896",
      "9.15",
      "30.9",
      "224",
      "value_range(-1,1)",
      "384 x 12, 6 heads, MLP 1536, gap",
    ]);
    for (const title of ["parameters", "GFLOPs 384", "input"]) {
      const end = head!.indexOf(title) + title.length;
      for (const line of [first!, second!]) expect(line.slice(end - 1, end + 1)).toMatch(/\d /);
    }
    const everything = (await fovea("--image-size", "224")).stdout;
    for (const { title } of Object.values(modelSeries)) expect(everything.split(`\n${title} (`)).toHaveLength(2);
    expect(everything).toMatch(/R50\+B\/16 .*768 x 12, 12 heads, MLP 3072, tok, after root\+3\+4\+9 units/);
    expect(everything).toMatch(/C-18GF .*, after 6 convolutions/);
    expect(everything).toMatch(/Mixer-S\/16 .*512 x 8, MLPs 256 and 2048/);
    expect(everything).toMatch(/R152x4 .*3\+8\+36\+3 units, x4/);
  });

  test("filters by series, by variant, which differ in case, and by name", async () => {
    const small = ["--image-size", "224"];
    expect(await namesOf("S", ...small)).toEqual(["S/32", "S/16"]);
    expect(await namesOf("s", ...small)).toEqual(["s/28", "s/16"]);
    expect(await namesOf("g", ...small)).toEqual(["g/14"]);
    expect(await namesOf("Mixer-B", ...small)).toEqual(["Mixer-B/32", "Mixer-B/16"]);
    expect(await namesOf("R50", ...small)).toEqual(["R50+B/16", "R50+L/32", "R50x1", "R50x3"]);
    for (const series of Object.keys(modelSeries)) {
      const all = publishedModels.filter((one) => one.series === series).map(({ name }) => name);
      expect(all.length).toBeGreaterThan(1);
      expect(await namesOf(series.toLowerCase(), ...small)).toEqual(all);
    }
    expect(await namesOf("R+Ti/16", ...small)).toEqual(["R+Ti/16"]);
    expect(await namesOf("CLIP", ...small)).toEqual(["CLIP-B/32", "CLIP-B/16", "CLIP-L/14"]);
    expect(await namesOf("DINOv3-H+/16", ...small)).toEqual(["DINOv3-H+/16"]);
  });

  test("takes models that were not published but are written like them", async () => {
    const found = async (name: string) => {
      const [one, ...more] = (await documentOf(name, "--image-size", "64")).models;
      expect(more).toEqual([]);
      expect(one!.parameters).toBe(modelSize(parseModelName(name), { size: 64 }).parameters);
      return `${one!.name} ${one!.series}`;
    };
    expect(await found("B/4")).toBe("B/4 vit");
    expect(await found("Mixer-S/8")).toBe("Mixer-S/8 mixer");
    expect(await found("R26x2")).toBe("R26x2 bit");
    expect(await found("ResNet-101")).toBe("ResNet-101 resnet");
  });

  test("counts another head, pooling and size", async () => {
    const giant = await documentOf("g/14", "--pooling", "map", "--classes", "29593", "--image-size=224");
    expect(giant.models[0]!.parameters).toBe(1_078_144_921);
    const large = await documentOf("B/16", "--pooling", "tok", "--image-size", "512");
    expect(large.models[0]).toMatchObject({ parameters: 87_203_560, cost: [{ imageSize: 512 }] });
    const hybrid = await documentOf("R50+B/16", "--image-size=224");
    expect(hybrid.models[0]).toMatchObject({ parameters: 98_659_112, config: { pooling: "tok" } });
    const bit = await documentOf("R50x1", "--classes", "21843", "--image-size=224");
    expect(bit.models[0]!.parameters).toBe(68_256_659);
  });

  test.each([
    [["X/16"], /unknown model "X\/16"/],
    [["Tj"], /unknown model "Tj".*did you mean "Ti"/],
    [["Mixr-B/16"], /unknown model "Mixr-B\/16"; did you mean "Mixer-B\/16"/],
    [
      ["zzzzzzzzzzz"],
      /unknown model "zzzzzzzzzzz"; available series: vit, hybrid, earlyConvolutions, mixer, bit, resnet, mobilenet, successors/,
    ],
    [["constructor"], /unknown model "constructor"/],
    [["B/16/2", "--json"], /unknown model "B\/16\/2"/],
    [["B/0"], /unknown model "B\/0"/],
    [["--image-size", "8"], /image size 8 is too small for mu\/16: /],
    [["mixer", "--image-size", "16"], /image size 16 is too small for Mixer-S\/32: /],
    [["--image-size", "no"], /--image-size: expected whole numbers of at least 1, .* given "no"/],
    [["--classes", "-1"], /--classes: expected a whole number of at least 0, given "-1"/],
    [["--pooling", "max"], /--pooling: expected gap, tok, map or none, given "max"/],
    [["bit", "--pooling", "map"], /pooling "map": bit is not a Vision Transformer/],
  ])("%j is a mistake it explains", async (words, message) => {
    const { status, stdout, stderr } = await fovea(...words);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });

  test("--published lists the AugReg checkpoints and the names that load them", async () => {
    const { checkpoints } = JSON.parse((await fovea("--published", "--json")).stdout) as {
      checkpoints: (PublishedAugReg & { load: string; loadPretrained: string })[];
    };
    expect(checkpoints.map(({ load: _, loadPretrained: __, ...entry }) => entry)).toEqual(publishedAugReg);
    for (const { load, loadPretrained, fineTuned, upstream } of checkpoints) {
      expect(augRegFile(load.replace(/^augreg:/, ""))).toBe(fineTuned);
      expect(augRegFile(loadPretrained.replace(/^augreg:/, ""))).toBe(upstream);
    }
    const lines = (await fovea("--published", "S/16")).stdout.split("\n");
    expect(lines[2]!.split(/ {2,}/)).toEqual([
      "name",
      "top-1 %",
      "pixels",
      "images/s",
      "MiB",
      "load",
      "pre-trained only",
    ]);
    // papers.md 1.10, as is the table
    expect(lines[3]!.split(/ {2,}/)).toEqual(["S/16", "83.73", "384", "300", "115", "augreg:S/16", "augreg:S/16-i21k"]);
    const names = async (filter: string) => (await fovea("--published", filter)).stdout.match(/^\S+\/\d\d(?= )/gm);
    expect(await names("S")).toEqual(["S/16", "S/32"]);
    expect(await names("R26")).toEqual(["R26+S/32"]);
    expect(await names("hybrid")).toEqual(["R50+L/32", "R26+S/32", "R+Ti/16"]);
    const { status, stderr } = await fovea("--published", "S/14");
    expect(status).toBe(2);
    expect(stderr).toMatch(/no recommended checkpoint is called "S\/14"; did you mean "S\/1?[36]?[26]"/);
  });

  test("has examples in its help", async () => {
    const { status, stdout } = await fovea("--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/EXAMPLES[\s\S]*fovea models S/);
  });
});
