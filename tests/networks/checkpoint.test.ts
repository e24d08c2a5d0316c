/** Checkpoints: nothing saved is ever lost or half-written, whatever fails and whenever the process dies. */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  bestCheckpoint,
  type Checkpoint,
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  type SaveOptions,
  type Score,
  saveCheckpoint,
} from "../../src/networks/index.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fovea-checkpoint-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

const at = (step: number, size = 4): Checkpoint => ({
  step,
  tensors: new Map([
    ["head/kernel", { dtype: "float32", shape: [size], data: new Float32Array(size).fill(step) }],
    ["1", { dtype: "int64", shape: [], data: new BigInt64Array([BigInt(step)]) }],
  ]),
  meta: { loader: { epoch: 1, position: step * 8 }, random: [1, 2, 3], best: null },
});
const accuracy = (value: number, mode: Score["mode"] = "max"): SaveOptions => ({
  keepLast: 1,
  score: { metric: "accuracy", mode, value },
});
const files = () => readdirSync(dir).sort();
const file = (step: number) => `step-${String(step).padStart(9, "0")}.safetensors`;
const noWarning = (message: string) => expect.fail(`unexpected warning: ${message}`);

async function handlePrototype(): Promise<{ write: () => unknown; sync: () => unknown }> {
  const handle = await open(dir, "r");
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe("saving and loading", () => {
  test("all of it comes back", async () => {
    const path = await saveCheckpoint(dir, at(12));
    expect(path).toBe(join(dir, file(12)));
    const loaded = await latestCheckpoint(dir, noWarning);
    expect(loaded).toEqual({ ...at(12), path, score: undefined });
  });

  test("a folder that is missing or empty has none", async () => {
    expect(await latestCheckpoint(join(dir, "none"), noWarning)).toBeUndefined();
    expect(await bestCheckpoint(dir, noWarning)).toBeUndefined();
  });

  test("the newest is the one of the highest step, in numbers, not in letters", async () => {
    for (const step of [999_999_999, 1_000_000_000, 5]) await saveCheckpoint(dir, at(step));
    expect((await latestCheckpoint(dir, noWarning))!.step).toBe(1_000_000_000);
  });

  test("the last few are kept", async () => {
    for (let step = 1; step <= 5; step++) await saveCheckpoint(dir, at(step), { keepLast: 2 });
    expect(files()).toEqual([file(4), file(5)]);
  });

  test.each<[Score["mode"], number[], number]>([
    ["max", [0.2, 0.9, 0.5, 0.9, 0.1], 2],
    ["min", [0.9, 0.3, 0.5, 0.7], 2],
    ["max", [0.1, Number.NaN, 0.05], 1],
    ["max", [0.1, 0.2, 0.3], 3],
  ])("the best is kept whatever its age (%s of %j)", async (mode, values, best) => {
    for (const [i, value] of values.entries()) await saveCheckpoint(dir, at(i + 1), accuracy(value, mode));
    expect(files()).toEqual([...new Set([file(best), file(values.length)])]);
    expect((await bestCheckpoint(dir, noWarning))!.step).toBe(best);
    expect((await latestCheckpoint(dir, noWarning))!.step).toBe(values.length);
  });

  test("other files in the folder are left alone", async () => {
    writeFileSync(join(dir, "notes.txt"), "mine");
    writeFileSync(join(dir, "step-12.safetensors"), "mine too");
    for (const step of [1, 2]) await saveCheckpoint(dir, at(step), { keepLast: 1 });
    expect(files()).toEqual(["notes.txt", file(2), "step-12.safetensors"].sort());
  });

  test("bad settings are refused", async () => {
    await expect(saveCheckpoint(dir, at(1), { keepLast: 0 })).rejects.toThrow(/keepLast is 0/);
    await expect(saveCheckpoint(dir, { ...at(1), step: 1.5 })).rejects.toThrow(/step 1\.5; expected a whole number/);
    expect(files()).toEqual([]);
  });
});

describe("damage", () => {
  // Every way a file can be wrong on disk.
  const damage: [string, (path: string) => void, RegExp][] = [
    ["cut short", (path) => truncateSync(path, readFileSync(path).length - 1), /cut short/],
    ["emptied", (path) => truncateSync(path, 0), /too few/],
    [
      "one bit of a weight flipped",
      (path) => {
        const bytes = readFileSync(path);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(path, bytes);
      },
      /do not match their checksum/,
    ],
    [
      "its state changed",
      (path) => writeFileSync(path, readFileSync(path, "latin1").replace(/(epoch\\":)1/, "$12"), "latin1"),
      /do not match their checksum/,
    ],
    ["something else", (path) => writeFileSync(path, "not a checkpoint"), /over the limit/],
  ];

  test.each(damage)("a newest %s is skipped with a message and the older used", async (_name, spoil, message) => {
    await saveCheckpoint(dir, at(1));
    spoil(await saveCheckpoint(dir, at(2)));
    const warnings: string[] = [];
    const loaded = await latestCheckpoint(dir, (text) => warnings.push(text));
    expect(loaded!.step).toBe(1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^skipped a damaged checkpoint: .*step-000000002\.safetensors: /);
    expect(warnings[0]).toMatch(message);
  });

  test("a damaged best gives way to the next best", async () => {
    const keep = { keepLast: 9 };
    for (const [step, value] of [
      [1, 0.5],
      [2, 0.9],
      [3, 0.1],
    ] as const) {
      await saveCheckpoint(dir, at(step), { ...accuracy(value), ...keep });
    }
    damage[2]![1](join(dir, file(2)));
    const warnings: string[] = [];
    expect((await bestCheckpoint(dir, (text) => warnings.push(text)))!.step).toBe(1);
    expect(warnings).toHaveLength(1);
  });

  test("going on from before a damaged newest keeps what is new", async () => {
    await saveCheckpoint(dir, at(1));
    damage[2]![1](await saveCheckpoint(dir, at(9)));
    await saveCheckpoint(dir, at(3), { keepLast: 1 });
    expect((await latestCheckpoint(dir, () => {}))!.step).toBe(3);
    await saveCheckpoint(dir, at(9), { keepLast: 1 });
    expect((await latestCheckpoint(dir, noWarning))!.step).toBe(9);
    expect(files()).toEqual([file(9)]);
  });
});

describe("failing writes", () => {
  const full = () => Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });

  test("a disk that fills up is said so, and what was saved stays", async () => {
    await saveCheckpoint(dir, at(1), { keepLast: 1 });
    vi.spyOn(await handlePrototype(), "write").mockRejectedValueOnce(full());
    const saving = saveCheckpoint(dir, at(2), { keepLast: 1 });
    await expect(saving).rejects.toThrow(
      /^the disk is full: step-000000002\.safetensors needs \d+ B in .*free; nothing that was there is touched/,
    );
    await expect(saving).rejects.toMatchObject({ code: "ENOSPC" });
    expect(files()).toEqual([file(1)]);
    expect((await latestCheckpoint(dir, noWarning))!.step).toBe(1);
    await saveCheckpoint(dir, at(2), { keepLast: 1 });
    expect(files()).toEqual([file(2)]);
  });

  test("a disk that is found full only when the file is synced", async () => {
    await saveCheckpoint(dir, at(1), { keepLast: 1 });
    vi.spyOn(await handlePrototype(), "sync").mockRejectedValueOnce(full());
    await expect(saveCheckpoint(dir, at(2), { keepLast: 1 })).rejects.toThrow(/the disk is full/);
    expect(files()).toEqual([file(1)]);
  });

  test("any other error passes through, and leaves no temporary file", async () => {
    mkdirSync(join(dir, file(2)));
    await expect(saveCheckpoint(dir, at(2))).rejects.toMatchObject({ syscall: "rename" });
    expect(files()).toEqual([file(2)]);
  });

  test("writes that take a few bytes at a time still make whole files", async () => {
    const prototype = (await handlePrototype()) as { write: (...args: unknown[]) => Promise<unknown> };
    const write = prototype.write;
    vi.spyOn(prototype, "write").mockImplementation(function (this: unknown, ...args) {
      const [bytes, offset, length] = args as [Uint8Array, number, number];
      return write.call(this, bytes, offset, Math.min(length, 7));
    });
    await saveCheckpoint(dir, at(3));
    vi.restoreAllMocks();
    expect((await latestCheckpoint(dir, noWarning))!.tensors).toEqual(at(3).tensors);
  });

  test("a file system that really is full", async ({ skip }) => {
    const mounted = join(dir, "small");
    mkdirSync(mounted);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted], { stdio: "pipe" });
    } catch (error) {
      skip(`mounting a small file system needs root: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`);
    }
    try {
      await saveCheckpoint(mounted, at(1, 50_000), { keepLast: 1 });
      await saveCheckpoint(mounted, at(2, 50_000), { keepLast: 1 });
      await expect(saveCheckpoint(mounted, at(3, 500_000), { keepLast: 1 })).rejects.toThrow(
        /^the disk is full: step-000000003\.safetensors needs 2\.00 MB in .*, \d+.* free; .* free space and try again$/,
      );
      expect(readdirSync(mounted)).toEqual([file(2)]);
      expect((await latestCheckpoint(mounted, noWarning))!.tensors).toEqual(at(2, 50_000).tensors);
    } finally {
      execFileSync("umount", [mounted]);
    }
  });
});

test("kill -9 at any moment leaves a run that can be resumed", async () => {
  const child = fileURLToPath(new URL("./save-forever.mjs", import.meta.url));
  let reached = 0;
  for (let round = 0; round < 8; round++) {
    const saver = spawn(process.execPath, [child, dir, String(reached)], { stdio: ["ignore", "pipe", "inherit"] });
    let told = reached;
    let output = "";
    const saved = new Promise<void>((resolve) => {
      saver.stdout.on("data", (text: Buffer) => {
        output += text.toString();
        const lines = output.split("\n");
        if (lines.length > 1) told = Number(lines.at(-2));
        if (told > reached) resolve();
      });
    });
    const ended = once(saver, "close");
    await Promise.race([saved, ended]);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
    saver.kill("SIGKILL");
    await ended;
    expect(told).toBeGreaterThan(reached);

    const { checkpoints, damaged } = await listCheckpoints(dir);
    expect(damaged).toEqual([]);
    for (const { path } of checkpoints) await loadCheckpoint(path);
    const latest = await latestCheckpoint(dir, noWarning);
    // What the process said it had saved is there; it may have died between saving the next and saying so.
    expect([told, told + 1]).toContain(latest!.step);
    expect(latest!.tensors.get("w")!.data.every((value) => value === latest!.step)).toBe(true);
    reached = latest!.step;
  }
  await saveCheckpoint(dir, at(reached + 1), { keepLast: 1 });
  expect(files()).toEqual([file(reached + 1)]);
});
