/** WebDataset shards on disk and from a server of the test's own: indexes, ranges, downloads, and what goes wrong. */
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { createLoader, describeSource, type ImageSource, openSource } from "../../../src/data/index.js";
import { encodeIndex } from "../../../src/data/shards/shard-index.js";
import { expandBraces } from "../../../src/data/shards/shard-names.js";
import { ExampleError } from "../../../src/images/index.js";
import { collect } from "../../support/batches.js";
import { type Behaviour, serve } from "../../support/file-server.js";
import { flat, openUntilEnd, tar, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);
process.env["FOVEA_CACHE"] = at("cache");

/** Shard `s` holds the samples 4 s to 4 s + 3, of the classes 0 and 1 in turn, their picture 10 times their number. */
const shard = async (s: number, count = 4): Promise<Buffer> => {
  const files: Record<string, Uint8Array> = {};
  for (let i = 4 * s; i < 4 * s + count; i++) {
    files[`${i}.png`] = await flat(10 * i);
    files[`${i}.cls`] = Buffer.from(String(i % 2));
  }
  return tar(files);
};
const shards: Buffer[] = [];
beforeAll(async () => {
  for (let s = 0; s < 6; s++) shards.push(await shard(s));
});
const writeShards = (name: string, count = 6): string => {
  write(at(name), Object.fromEntries(shards.slice(0, count).map((bytes, s) => [`s-${s}.tar`, bytes])));
  return at(name);
};
const serving = async (behaviour: Behaviour = {}) => {
  const files = new Map(shards.slice(0, 2).map((content, s) => [`s-${s}.tar`, { content, ...behaviour }]));
  return { files, ...(await serve(files)) };
};
const bytesOf = async (source: ImageSource, index: number) => {
  const { image } = await source.get(index);
  return image.kind === "encoded" ? Buffer.from(image.bytes) : undefined;
};
const options = { batchSize: 4, preprocessing: "decode|value_range", seed: 3, epochs: 2 };

test("braces", () => {
  expect(expandBraces("a-{008..011}.tar")).toEqual(["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]);
  expect(expandBraces("{a,b}-{1..2}.tar::c.tar")).toEqual(["a-1.tar", "a-2.tar", "b-1.tar", "b-2.tar", "c.tar"]);
  expect(() => expandBraces("{0..99999}{0..99999}")).toThrow(/expected at most 100000/);
  expect(() => expandBraces("{9..1}")).toThrow(/invalid range {9..1}/);
});

test("shards are shuffled, examples within windows of them, exactly and resumable on any number of threads", async () => {
  const folder = writeShards("window");
  const source = await openUntilEnd(`${at("window")}/s-{0..5}.tar?shuffleShards=2`.replace(/^/, "webdataset:"));
  expect(source.shards).toEqual({ lengths: [4, 4, 4, 4, 4, 4], together: 2 });
  const whole = await collect(createLoader(source, { ...options, workers: 0 }));
  const [first, second] = [0, 1].map((epoch) => whole.filter((b) => b.epoch === epoch).flatMap((b) => b.indices));
  for (const order of [first!, second!]) {
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    // two batches are a window: eight examples of two shards
    for (let i = 0; i < 24; i += 8) expect(new Set(order.slice(i, i + 8).map((x) => Math.floor(x / 4))).size).toBe(2);
  }
  expect(first).not.toEqual(second);
  const { position } = whole[4]!;
  expect(await collect(createLoader(source, { ...options, workers: 2, position }))).toEqual(whole.slice(5));
  const fully = await openUntilEnd(`webdataset:${folder}?shuffleShards=0`);
  expect(fully.shards).toBeUndefined();
  const some = await openUntilEnd(`webdataset:${folder}?take=9`);
  expect(some.shards!.lengths.reduce((a, b) => a + b)).toBe(9);
});

test("the index is kept, checked, and made anew when the shard changes; a sidecar is taken", async () => {
  rmSync(at("cache"), { recursive: true, force: true });
  const folder = writeShards("kept", 1);
  const open = async () => (await openUntilEnd(`webdataset:${folder}`)).length;
  expect(await open()).toBe(4);
  const [name] = readdirSync(at("cache/indexes"));
  const cached = at(`cache/indexes/${name}`);
  const text = readFileSync(cached, "utf8");
  // A cached index is believed only if it is whole.
  writeFileSync(cached, text.replace('"labels":[0,1,0,1]', '"labels":[1,1,1,1]'));
  expect([...(await openUntilEnd(`webdataset:${folder}`)).labels]).toEqual([0, 1, 0, 1]);
  writeFileSync(join(folder, "s-0.tar"), await shard(0, 3));
  expect(await open()).toBe(3);
  writeFileSync(join(folder, "s-0.tar"), shards[0]!);
  utimesSync(join(folder, "s-0.tar"), 1, 1);
  const index = { keys: ["x"], offsets: [512], sizes: [10], labels: [7], notes: [] };
  const of = { bytes: shards[0]!.length, tag: "other", reader: "webdataset label=" };
  writeFileSync(join(folder, "s-0.tar.index.json"), encodeIndex(of, index));
  expect([...(await openUntilEnd(`webdataset:${folder}`)).labels]).toEqual([7]);
});

describe("samples", () => {
  test("labels come from cls, a key of JSON or txt; what is incomplete is left out and said", async () => {
    const png = await flat(1);
    const text = (value: string) => Buffer.from(value);
    write(at("mixed"), {
      "m-0.tar": tar({
        "d/a.png": png,
        "d/a.json": text('{"label": "dog", "n": 1}'),
        "b.txt": text("cat\n"),
        "b.webp": png,
        "c.jpg": png,
        "e.json": text('{"label": "cat"}'),
        ".hidden": text("x"),
      }),
    });
    const source = await openUntilEnd(`webdataset:${at("mixed")}`);
    expect([source.classNames, [...source.labels]]).toEqual([
      ["cat", "dog"],
      [1, 0],
    ]);
    expect(source.idOf!(0)).toBe(`${at("mixed/m-0.tar")}:d/a`);
    expect(source.notes).toEqual([
      `${at("mixed/m-0.tar")}: 1 sample(s) without an image are excluded`,
      `${at("mixed/m-0.tar")}: 1 sample(s) without a label are excluded`,
    ]);
    expect([...(await openUntilEnd(`webdataset:${at("mixed")}?label=n`)).labels]).toEqual([1]);
    await expect(openSource(`webdataset:${at("mixed")}?label=cls`)).rejects.toThrow(
      /m-0.tar cannot be used: there is no sample with an image .* its files end in png, json, txt, webp, jpg/,
    );
    await expect(openSource(join(writeShards("one", 1), "s-0.tar"))).rejects.toThrow(
      /is a shard of WebDataset .* read it as webdataset:/,
    );
  });

  test("fovea data describes them", async () => {
    const { kind, splits } = await describeSource(writeShards("described", 2));
    expect([kind, splits[0]!.examples, splits[0]!.broken]).toEqual(["webdataset", 8, []]);
  });
});

describe("broken shards", () => {
  test("cut off, damaged or missing ones are named with what to do", async () => {
    const folder = writeShards("broken", 1);
    truncateSync(join(folder, "s-0.tar"), 700);
    await expect(openSource(`webdataset:${folder}`)).rejects.toThrow(
      /the shard .*s-0.tar cannot be used: .* is cut off: .* fetch it again, or remove it from the list/,
    );
    writeFileSync(join(folder, "s-0.tar"), shards[0]!.subarray(0, 2048));
    expect((await openUntilEnd(`webdataset:${folder}`)).notes).toEqual([
      expect.stringMatching(/s-0.tar: the archive does not end as one should; it may be cut off between two files/),
    ]);
    await expect(openSource(`webdataset:${folder}/s-{0..1}.tar`)).rejects.toThrow(/there is no ".*s-1.tar"/);
    const hostile = Buffer.from(shards[0]!);
    hostile.write("77777777777\0", 124);
    hostile.write("        ", 148);
    const sum = hostile.subarray(0, 512).reduce((a, b) => a + b, 0);
    hostile.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    writeFileSync(join(folder, "s-0.tar"), hostile);
    await expect(openSource(`webdataset:${folder}`)).rejects.toThrow(
      /is cut off: the entry at byte 0 needs 8589934591/,
    );
  });

  test("a shard that is lost or shrinks while it is read gives bad examples, then ends the run by its name", async () => {
    const folder = writeShards("lost", 2);
    const source = await openUntilEnd(`webdataset:${folder}`);
    truncateSync(join(folder, "s-1.tar"), 600);
    const failure = await source.get(5).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ExampleError);
    expect((failure as Error).message).toMatch(/s-1.tar:5: the file is shorter than it was/);
    rmSync(join(folder, "s-1.tar"));
    await expect(source.get(6)).rejects.toThrow(ExampleError);
    await expect(source.get(7)).rejects.toThrow(/the shard .*s-1.tar can no longer be read: ENOENT.*--resume/);
    expect(await bytesOf(source, 1)).toEqual(await flat(10));
  });
});

describe("http", () => {
  test("one pass for the index, then ranges, on any number of threads", async () => {
    const { url, requests } = await serving();
    const spec = `webdataset:${url}/s-{0..1}.tar`;
    const source = await openUntilEnd(spec);
    expect([...source.labels]).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
    expect(source.idOf!(5)).toBe(`${url}/s-1.tar:5`);
    expect(requests.filter(({ path, range }) => path.endsWith(".tar") && range === undefined).length).toBe(2);
    requests.length = 0;
    expect(await bytesOf(source, 5)).toEqual(await flat(50));
    expect(requests).toEqual([{ path: "s-1.tar", range: expect.stringMatching(/^bytes=\d+-\d+$/) }]);
    const here = await collect(createLoader(source, { ...options, workers: 0 }));
    expect(await collect(createLoader(source, { ...options, workers: 2 }))).toEqual(here);
    expect(requests.every(({ range }) => range !== undefined)).toBe(true);
  });

  test("without ranges, or when asked to, shards are downloaded once", async () => {
    const { url, requests } = await serving({ noRanges: true });
    const spec = `webdataset:${url}/s-0.tar`;
    expect(await bytesOf(await openUntilEnd(spec), 3)).toEqual(await flat(30));
    const before = requests.length;
    expect(await bytesOf(await openUntilEnd(spec), 2)).toEqual(await flat(20));
    // asked whether it is still the same, no more
    expect(requests.length).toBe(before + 1);
    const other = await serving();
    await openUntilEnd(`webdataset:${other.url}/s-0.tar?download=true`);
    expect(readdirSync(at("cache/shards")).every((name) => existsSync(at(`cache/shards/${name}/record.json`)))).toBe(
      true,
    );
  });

  test("errors of the server, hanging and cut connections are tried again", async () => {
    const { url, files } = await serving();
    files.get("s-0.tar")!.first = [503, "hang"];
    const source = await openUntilEnd(`webdataset:${url}/s-0.tar?timeout=0.2`);
    for (const trouble of [500, "hang", "cut"] as const) {
      files.get("s-0.tar")!.first = [trouble];
      expect(await bytesOf(source, 1)).toEqual(await flat(10));
    }
  });

  test("what does not pass is an error that names the shard", async () => {
    const { url, files } = await serving();
    await expect(openSource(`webdataset:${url}/s-{0..2}.tar`)).rejects.toThrow(
      /the shard http:.*s-2.tar cannot be used: .*s-2.tar cannot be read: the server answered 404 Not Found.* remove it from the list/,
    );
    const source = await openUntilEnd(`webdataset:${url}/s-0.tar?timeout=0.05`);
    files.get("s-0.tar")!.first = ["hang", "hang", "hang", "hang"];
    await expect(source.get(0)).rejects.toThrow(/no byte came for 0.05 s \(tried 4 times\)/);
    files.set("s-0.tar", { content: shards[1]!, tag: "changed" });
    await expect(source.get(1)).rejects.toThrow(/the file changed on the server; start anew/);
    files.delete("s-0.tar");
    await expect(source.get(2)).rejects.toThrow(/the shard .*s-0.tar can no longer be read: .*404/);
    files.set("cut.tar", { content: shards[1]!.subarray(0, 700) });
    await expect(openSource(`webdataset:${url}/cut.tar`)).rejects.toThrow(/cut.tar" is cut off/);
  });
});
