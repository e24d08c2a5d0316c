/** The hub and the AugReg bucket, played by a server of our own: fetched once, checked, then used without it. */

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { cacheFolder } from "../../src/files/cache.js";
import { encodeNpz } from "../../src/formats/npz.js";
import { encodeSafetensors } from "../../src/formats/safetensors.js";
import { readNetwork } from "../../src/networks/index.js";
import {
  augRegFile,
  findAugReg,
  loadWeights,
  parseAugRegName,
  parseHubName,
  publishedAugReg,
} from "../../src/weights/index.js";
import { type RunningHub, serveHub } from "../support/hub-server.js";
import * as models from "../support/seeded-models.js";
import * as tables from "./tables.js";

const joined = (parts: Uint8Array[]) => Buffer.concat(parts);
const vit = models.weightsOf(models.vit);
const weights = joined(encodeSafetensors(tables.theirTensors(tables.huggingFaceTable(), vit)));
const npz = joined(encodeNpz(tables.theirTensors(tables.augRegTable([1, 3, 2], [4, 4, 3]), vit)));
const config = Buffer.from(
  JSON.stringify({ model_type: "vit", num_attention_heads: 2, image_size: 8, license: "apache-2.0" }),
);

/** What the server has and how it misbehaves. */
interface State {
  files: Record<string, Buffer>;
  commit: string;
  /** Paths whose bytes are not those that are announced. */
  wrong: "" | "flipped" | "short";
}
let state: State;
const cuts: number[] = [];
let withoutRanges = false;
let server: RunningHub;
let endpoint: string;
let cache: string;

const sha = (algorithm: string, bytes: Uint8Array) => createHash(algorithm).update(bytes).digest("hex");

/** The bytes as they are sent: with another last one where the state says so. */
function sent(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(bytes);
  if (state.wrong === "flipped") copy[copy.length - 1]! ^= 1;
  return copy;
}

/** The bucket of AugReg checkpoints, which states their checksums in its own header. */
function bucket(path: string, response: ServerResponse): boolean {
  if (!path.startsWith("/augreg/")) return false;
  const bytes = state.files[path.split("/").at(-1)!];
  if (!bytes) {
    response.statusCode = 404;
    response.end("Not found");
    return true;
  }
  const body = sent(bytes);
  response.setHeader("x-goog-hash", `crc32c=AAAAAA==, md5=${createHash("md5").update(bytes).digest("base64")}`);
  response.setHeader("content-length", body.length);
  if (state.wrong === "short") {
    response.write(body.subarray(0, 100));
    setTimeout(() => response.destroy(), 250);
  } else response.end(body);
  return true;
}

beforeAll(async () => {
  server = await serveHub({
    filesOf: (name) => (name === "some/vit" ? state.files : undefined),
    commit: () => state.commit,
    sent,
    cuts,
    withoutRanges: () => withoutRanges,
    answer: bucket,
  });
  endpoint = server.endpoint;
});
afterAll(() => server.close());
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "fovea-cache-"));
  server.requests.length = 0;
  server.transfers.length = 0;
  cuts.length = 0;
  withoutRanges = false;
  state = {
    files: { "config.json": config, "model.safetensors": weights },
    commit: "a".repeat(40),
    wrong: "",
  };
  return () => rmSync(cache, { recursive: true });
});

const hub = (more: object = {}) => ({ hub: { endpoint, cache, ...more } });
const logits = async (loaded: Awaited<ReturnType<typeof loadWeights>>) => await models.forward(loaded);

describe("a model of the hub", () => {
  test("is fetched once, recorded with checksums, and works without the hub", async () => {
    const told: string[] = [];
    const loaded = await loadWeights("hf:some/vit", { ...hub(), note: (text) => told.push(text) });
    expect(loaded.layout).toBe("huggingface");
    expect(loaded.config).toMatchObject({ heads: 2, gelu: "erf" });
    expect(loaded.metadata).toMatchObject({ source: "hf:some/vit", licence: "apache-2.0" });
    expect([...loaded.tensors.get("cls")!.data]).toEqual([...vit.tensors.get("cls")!.data]);
    expect(told).toContain(`fetching some/vit/model.safetensors (${(weights.length / 1000).toPrecision(3)} kB)`);
    const folder = join(cache, "hub", "some--vit", "main");
    expect(JSON.parse(readFileSync(join(folder, "record.json"), "utf8"))).toEqual({
      source: "hf:some/vit",
      revision: state.commit,
      files: {
        "config.json": { bytes: config.length, sha256: sha("sha256", config) },
        "model.safetensors": { bytes: weights.length, sha256: sha("sha256", weights) },
      },
    });
    const asked = server.requests.length;
    for (const name of ["hf:some/vit", "hf:some/vit@main"]) {
      const again = await loadWeights(name, hub({ endpoint: "http://127.0.0.1:1", offline: name === "hf:some/vit" }));
      expect(await logits(again)).toEqual(await logits(loaded));
    }
    expect(server.requests.length).toBe(asked);
  });

  test.each(["some/vit", "phtos/net", "some/vit@main"])(
    "the path %s that is mistyped is fetched from nowhere",
    async (name) => {
      const message = new RegExp(`no (such file or folder|")[\\s\\S]*named hf:${name}`);
      await expect(loadWeights(name, hub())).rejects.toThrow(message);
      await expect(readNetwork(name)).rejects.toThrow(message);
      expect(server.requests).toEqual([]);
    },
  );

  test("a revision has a place of its own, and the newest is asked for on request", async () => {
    await loadWeights("hf:some/vit@v1", hub());
    expect(readdirSync(join(cache, "hub", "some--vit"))).toEqual(["v1"]);
    expect(server.requests[0]).toBe("/api/models/some/vit/revision/v1");
    const before = server.requests.length;
    await loadWeights("hf:some/vit@v1", hub({ refresh: true }));
    expect(server.requests.slice(before)).toEqual(["/api/models/some/vit/revision/v1"]);
    state.commit = "b".repeat(40);
    await loadWeights("hf:some/vit@v1", hub({ refresh: true }));
    expect(server.requests.at(-1)).toContain(state.commit);
  });

  test("several files are fetched by their index", async () => {
    const tensors = [...tables.theirTensors(tables.huggingFaceTable(), vit)];
    const weight_map = Object.fromEntries(tensors.map(([name], i) => [name, `part-${i % 2}.safetensors`]));
    const part = (k: number) => joined(encodeSafetensors(new Map(tensors.filter((_, i) => i % 2 === k))));
    state.files = {
      "config.json": config,
      "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map })),
      "part-0.safetensors": part(0),
      "part-1.safetensors": part(1),
      "README.md": Buffer.from("not wanted"),
    };
    await loadWeights("hf:some/vit", hub());
    expect(existsSync(join(cache, "hub", "some--vit", "main", "README.md"))).toBe(false);
    expect((await loadWeights("hf:some/vit", hub({ offline: true }))).tensors.size).toBe(vit.tensors.size);
  });

  test("an index that leads out of the folder fetches nothing", async () => {
    const weight_map = { a: "../../../evil.safetensors" };
    state.files = { "model.safetensors.index.json": Buffer.from(JSON.stringify({ weight_map })) };
    await expect(loadWeights("hf:some/vit", hub())).rejects.toThrow(/leads out of/);
    expect(readdirSync(join(cache, "hub", "some--vit"))).toEqual([]);
  });

  test("what does not match its checksum is not kept", async () => {
    state.wrong = "flipped";
    await expect(loadWeights("hf:some/vit", hub())).rejects.toThrow(
      /does not match the checksum of its source; nothing is kept/,
    );
    expect(readdirSync(join(cache, "hub", "some--vit"))).toEqual([]);
  });

  test("a failed refresh leaves what was there", async () => {
    const loaded = await loadWeights("hf:some/vit", hub());
    state.commit = "c".repeat(40);
    state.wrong = "flipped";
    await expect(loadWeights("hf:some/vit", hub({ refresh: true }))).rejects.toThrow(/checksum/);
    expect(await logits(await loadWeights("hf:some/vit", hub({ offline: true })))).toEqual(await logits(loaded));
  });

  test("a damaged cache is noticed, told and fetched again", async () => {
    await loadWeights("hf:some/vit", hub());
    const path = join(cache, "hub", "some--vit", "main", "model.safetensors");
    const damaged = readFileSync(path);
    damaged[damaged.length - 3]! ^= 4;
    writeFileSync(path, damaged);
    const told: string[] = [];
    await expect(loadWeights("hf:some/vit", hub({ offline: true }))).rejects.toThrow(
      /is not in the cache .* nothing is fetched offline/,
    );
    await loadWeights("hf:some/vit", { ...hub(), note: (text) => told.push(text) });
    expect(told[0]).toMatch(
      /the cache is damaged: .*model\.safetensors does not match its checksum; fetching it again/,
    );
    truncateSync(path, 10);
    await loadWeights("hf:some/vit", { ...hub(), note: (text) => told.push(text) });
    expect(told.join()).toMatch(/has 10 bytes instead of/);
  });

  test("an interrupted fetch keeps what came, and the next one gets the rest", async () => {
    cuts.push(1000, 500, 0, 0, 0);
    await expect(loadWeights("hf:some/vit", hub())).rejects.toThrow(/1\.50 kB are kept; try again to get the rest/);
    const staging = join(cache, "hub", "some--vit", "main.download");
    expect(readdirSync(staging).sort()).toEqual([
      "config.json",
      "config.json.part.json",
      "model.safetensors.part",
      "model.safetensors.part.json",
    ]);
    await loadWeights("hf:some/vit", hub());
    const rest = "model.safetensors bytes=1500-";
    expect(server.transfers).toEqual([
      "config.json whole",
      "model.safetensors whole",
      "model.safetensors bytes=1000-",
      ...[rest, rest, rest, rest],
    ]);
    expect(readdirSync(join(cache, "hub", "some--vit"))).toEqual(["main"]);
    expect(readdirSync(join(cache, "hub", "some--vit", "main")).sort()).toEqual([
      "config.json",
      "model.safetensors",
      "record.json",
    ]);
    expect((await loadWeights("hf:some/vit", hub({ offline: true }))).tensors.size).toBe(vit.tensors.size);
  }, 20_000);

  test("a hub without ranges sends the whole file again", async () => {
    cuts.push(1000);
    withoutRanges = true;
    await loadWeights("hf:some/vit", hub());
    expect(server.transfers.at(-1)).toBe("model.safetensors bytes=1000-");
    expect((await loadWeights("hf:some/vit", hub({ offline: true }))).tensors.size).toBe(vit.tensors.size);
  });

  test("several that fetch the same at once fetch it once", async () => {
    const told: string[] = [];
    const note = (text: string) => told.push(text);
    await Promise.all([1, 2, 3].map(() => loadWeights("hf:some/vit", { ...hub(), note })));
    expect(server.transfers).toEqual(["config.json whole", "model.safetensors whole"]);
    expect(told.filter((text) => text.startsWith("waiting for another process that downloads to"))).toHaveLength(2);
    expect(readdirSync(join(cache, "hub", "some--vit"))).toEqual(["main"]);
  });

  test("errors say what to do", async () => {
    await expect(loadWeights("hf:some/other", hub())).rejects.toThrow(
      /no such model, or you have no access to it \(404\)/,
    );
    const nobody = { endpoint: "http://127.0.0.1:1" };
    await expect(loadWeights("hf:some/vit", hub(nobody))).rejects.toThrow(
      /hf:some\/vit is not in the cache .*the hub cannot be reached: .*works offline/,
    );
    await expect(loadWeights("hf:some/vit", hub({ offline: true }))).rejects.toThrow(/nothing is fetched offline/);
    state.files = { "pytorch_model.bin": Buffer.from("x") };
    await expect(loadWeights("hf:some/vit", hub())).rejects.toThrow(/has neither model\.safetensors nor an \.npz file/);
  });

  test.each<[string, object | undefined]>([
    ["hf:google/vit-base-patch16-224", { repository: "google/vit-base-patch16-224", revision: "main" }],
    ["hf:timm/vit_tiny.augreg@refs/pr/1", { repository: "timm/vit_tiny.augreg", revision: "refs/pr/1" }],
    ["hf:a/../b", undefined],
    ["hf:a/b@..", undefined],
    ["some/vit", undefined],
    ["hf:one", undefined],
    ["hf:./a/b", undefined],
    ["hf:a/b/c", undefined],
  ])("the name %s", (name, expected) => {
    expect(parseHubName(name)).toEqual(expected);
  });
});

describe("AugReg", () => {
  const tiny = publishedAugReg.find(({ name }) => name === "Ti/16")!;
  const inBucket = (more: object = {}) => ({ hub: { endpoint: `${endpoint}/augreg`, cache, ...more } });

  test("a checkpoint is fetched by its name in the paper, with what it reaches", async () => {
    state.files = { [`${tiny.fineTuned}.npz`]: npz };
    const loaded = await loadWeights("augreg:Ti/16", inBucket());
    expect(loaded.layout).toBe("augreg");
    expect(loaded.metadata).toEqual({
      preprocessing: "decode|resize(384)|value_range(-1,1)",
      licence: "Apache-2.0",
      source: `augreg:${tiny.fineTuned}`,
      accuracies: [{ dataset: "imagenet2012", top1: 78.22, resolution: 384 }],
    });
    const asked = server.requests.length;
    await loadWeights(`augreg:${tiny.fineTuned}`, inBucket({ offline: true }));
    expect(server.requests.length).toBe(asked);
    const file = join(cache, "augreg", `${tiny.fineTuned}.npz`, `${tiny.fineTuned}.npz`);
    expect((await loadWeights(file)).metadata).toEqual(loaded.metadata);
  });

  test("bytes that do not match are not kept, those of a broken connection are until all have come", async () => {
    const file = `${tiny.upstream}.npz`;
    state.files = { [file]: npz };
    state.wrong = "flipped";
    await expect(loadWeights("augreg:Ti/16-i21k", inBucket())).rejects.toThrow(/does not match the checksum/);
    expect(readdirSync(join(cache, "augreg"))).toEqual([]);
    state.wrong = "short";
    await expect(loadWeights("augreg:Ti/16-i21k", inBucket())).rejects.toThrow(/100 B are kept; try again to get the/);
    expect(readdirSync(join(cache, "augreg"))).toEqual([`${file}.download`]);
    state.wrong = "";
    await loadWeights("augreg:Ti/16-i21k", inBucket());
    expect(readdirSync(join(cache, "augreg"))).toEqual([file]);
  });

  test("errors say what to do", async () => {
    await expect(loadWeights("augreg:Ti/16", inBucket())).rejects.toThrow(/answered 404; is there a checkpoint/);
    await expect(loadWeights("augreg:Ti/16", inBucket({ endpoint: "http://127.0.0.1:1" }))).rejects.toThrow(
      /cannot be reached/,
    );
    await expect(loadWeights("augreg:Ti/61", inBucket())).rejects.toThrow(/did you mean "Ti\/16"\? recommended: /);
  });

  test("the published table (papers.md 1.10)", () => {
    const shown = publishedAugReg.map(({ name, top1, imagesPerSecond }) => [name, top1, imagesPerSecond]);
    expect(shown).toEqual([
      ["L/16", 85.59, 50],
      ["B/16", 85.49, 138],
      ["S/16", 83.73, 300],
      ["R50+L/32", 85.99, 327],
      ["R26+S/32", 83.85, 560],
      ["Ti/16", 78.22, 610],
      ["B/32", 83.59, 955],
      ["S/32", 79.58, 2154],
      ["R+Ti/16", 75.4, 2426],
    ]);
    expect(publishedAugReg[3]!.upstream).toBe("R50_L_32-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.1-sd_0.1");
    expect(augRegFile("B/16")).toBe(
      "B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0--imagenet2012-steps_20k-lr_0.03-res_384",
    );
    for (const { name, upstream, fineTuned, top1 } of publishedAugReg) {
      expect(parseAugRegName(upstream)).toMatchObject({
        model: name,
        dataset: "i21k",
        epochs: 300,
        learningRate: 0.001,
      });
      expect(parseAugRegName(`${fineTuned}.npz`).fineTuning).toMatchObject({
        dataset: "imagenet2012",
        resolution: 384,
      });
      expect(findAugReg(fineTuned)!.metadata.accuracies).toEqual([{ dataset: "imagenet2012", top1, resolution: 384 }]);
      expect(findAugReg(upstream)!.metadata.accuracies).toBeUndefined();
      expect([augRegFile(name), augRegFile(`${name}-i21k`)]).toEqual([fineTuned, upstream]);
    }
    expect(() => parseAugRegName("B_16-what")).toThrow(/is not the name of an AugReg checkpoint; expected/);
    expect(findAugReg("model")).toBeUndefined();
  });
});

test("the cache is where FOVEA_CACHE says", () => {
  const before = process.env["FOVEA_CACHE"];
  process.env["FOVEA_CACHE"] = cache;
  expect(cacheFolder()).toBe(cache);
  if (before === undefined) delete process.env["FOVEA_CACHE"];
  else process.env["FOVEA_CACHE"] = before;
});
