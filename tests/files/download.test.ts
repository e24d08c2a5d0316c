/** Downloads that are interrupted, resumed, changed in between and damaged, from a server that fails when the test asks it to. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { withDownloadContext } from "../../src/files/download/context.js";
import { download } from "../../src/files/download/download.js";
import type { ProgressOptions } from "../../src/text/progress.js";
import { type Behaviour, serve } from "../support/file-server.js";
import { temporaryFolder } from "../support/trained-run.js";

const root = temporaryFolder("download");
afterAll(() => rmSync(root, { recursive: true }));

const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * i) % 251);
const sha256 = createHash("sha256").update(content).digest("hex");
const expected = { bytes: content.length, sha256 };
const once = { timeoutSeconds: 5, attempts: 1 };

interface Served extends Behaviour {
  content: Uint8Array;
  tag?: string;
  noRanges?: boolean;
  first?: NonNullable<Behaviour["first"]>;
}
const files = new Map<string, Served>();
const server = await serve(files);
let path = "";
let count = 0;

beforeEach(() => {
  path = join(root, `${count++}`, "file");
  server.requests.length = 0;
});

/** Serves the contents, the first time only a half of it; downloads that half, which fails. */
async function interrupted(more: Partial<Served> = {}): Promise<string> {
  files.set("file", { content, first: ["cut"], ...more });
  const url = `${server.url}/file`;
  await expect(download(url, path, { expected, retries: once })).rejects.toThrow(/cannot be read: .*kept; try again/);
  return url;
}

describe("an interrupted download", () => {
  test("leaves what came, and the next one asks for the rest", async () => {
    const url = await interrupted();
    expect(existsSync(path)).toBe(false);
    const half = readFileSync(`${path}.part`);
    expect(half.length).toBeGreaterThan(0);
    expect(half.length).toBeLessThan(content.length);
    expect(await download(url, path, { expected, retries: once })).toEqual(expected);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, `bytes=${half.length}-`]);
    expect(Buffer.compare(readFileSync(path), content)).toBe(0);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  test("is resumed within one call too", async () => {
    files.set("file", { content, first: ["cut", 503] });
    expect(await download(`${server.url}/file`, path, { expected })).toEqual(expected);
    expect(server.requests.map(({ range }) => range === undefined)).toEqual([true, false, false]);
  });

  test("starts over where the server has no ranges", async () => {
    const url = await interrupted();
    files.set("file", { content, noRanges: true });
    expect(await download(url, path, { expected, retries: once })).toEqual(expected);
  });

  test("starts over where the file has changed, whose server gives a part all the same", async () => {
    const url = await interrupted({ tag: '"one"' });
    files.set("file", { content, tag: '"two"' });
    expect(await download(url, path, { expected, retries: { ...once, attempts: 2 } })).toEqual(expected);
    expect(server.requests.at(-1)?.range).toBeUndefined();
  });

  test("starts over where other contents are expected, or the server has less than came", async () => {
    const url = await interrupted();
    const other = content.slice(0, 1000);
    files.set("file", { content: other });
    const now = { bytes: 1000, sha256: createHash("sha256").update(other).digest("hex") };
    expect(await download(url, path, { expected: now, retries: once })).toEqual(now);
    expect(server.requests.at(-1)?.range).toBeUndefined();
  });

  test("starts over where what came is damaged on the disk", async () => {
    const url = await interrupted();
    const damaged = readFileSync(`${path}.part`);
    damaged[5]! ^= 1;
    writeFileSync(`${path}.part`, damaged);
    expect(await download(url, path, { expected, retries: once })).toEqual(expected);
    expect(server.requests.map(({ range }) => range === undefined)).toEqual([true, false, true]);
  });

  test("that was complete is only verified", async () => {
    files.set("file", { content });
    await download(`${server.url}/file`, path, { expected });
    expect(await download(`${server.url}/file`, path, { expected })).toEqual(expected);
    expect(server.requests).toHaveLength(1);
  });
});

test("bytes that do not match are refused, with nothing kept", async () => {
  files.set("file", { content: content.map((value, i) => (i === 7 ? value ^ 1 : value)) });
  await expect(download(`${server.url}/file`, path, { expected })).rejects.toThrow(/does not match the checksum/);
  files.set("file", { content: new Uint8Array(content.length + 1) });
  await expect(download(`${server.url}/file`, path, { expected })).rejects.toThrow(/more than the 3000000 bytes/);
  for (const name of [path, `${path}.part`, `${path}.part.json`]) expect(existsSync(name)).toBe(false);
});

test("a refusal states the server's answer and is not repeated", async () => {
  const refused = download(`${server.url}/none`, path, {});
  await expect(refused).rejects.toMatchObject({ name: "DownloadError", statusCode: 404, bytes: 0 });
  expect(server.requests).toHaveLength(1);
});

test("progress is shown in bytes, from where it is resumed, and a signal ends it with what came kept", async () => {
  files.set("file", { content });
  const controller = new AbortController();
  const started: ProgressOptions[] = [];
  let last = 0;
  const progress = (options: ProgressOptions) => {
    started.push(options);
    return {
      update: (bytes: number) => {
        last = bytes;
        controller.abort(new Error("stopped"));
      },
      note() {},
      finish() {},
    };
  };
  const context = { progress, signal: controller.signal };
  const run = () => download(`${server.url}/file`, path, { expected });
  await expect(withDownloadContext(context, run)).rejects.toThrow("stopped");
  const came = readFileSync(`${path}.part`).length;
  expect(came).toBeGreaterThan(0);
  expect(came).toBeLessThan(content.length);
  expect(last).toBe(came);
  expect(await withDownloadContext({ progress }, run)).toEqual(expected);
  expect(started).toEqual(
    [0, came].map((start) => ({ total: 3_000_000, start, unit: "byte", label: "file", terminalOnly: true })),
  );
});
