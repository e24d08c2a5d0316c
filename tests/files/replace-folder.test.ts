/** A folder is replaced whole, wherever the process is killed, and files of the user are never lost. */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { exchange } from "../../src/files/exchange.js";
import { replaceFolder } from "../../src/files/replace-folder.js";

const root = mkdtempSync(join(tmpdir(), "fovea-replace-"));
afterAll(() => rmSync(root, { recursive: true }));
const script = fileURLToPath(new URL("../support/replace-until.mjs", import.meta.url));

/** A folder of ours with files of the user in it, in a folder of its own. */
function oldFolder(name: string): string {
  const folder = join(root, name, "photos");
  mkdirSync(join(folder, "onnx"), { recursive: true });
  mkdirSync(join(folder, ".git"));
  for (const path of ["classifier.json", "onnx/model.onnx", "onnx/stale.onnx"])
    writeFileSync(join(folder, path), "old");
  for (const path of ["notes.txt", ".git/HEAD", "onnx/mine.onnx"]) writeFileSync(join(folder, path), "mine");
  return folder;
}

function filesBelow(folder: string, below = ""): string[] {
  return readdirSync(join(folder, below)).flatMap((name) => {
    const path = below === "" ? name : `${below}/${name}`;
    return statSync(join(folder, path)).isDirectory() ? filesBelow(folder, path) : [path];
  });
}
const contents = (folder: string) =>
  Object.fromEntries(filesBelow(folder).map((path) => [path, readFileSync(join(folder, path), "utf8")]));

const mine = { "notes.txt": "mine", ".git/HEAD": "mine", "onnx/mine.onnx": "mine" };
const before = { "classifier.json": "old", "onnx/model.onnx": "old", "onnx/stale.onnx": "old" };
const after = { "classifier.json": "new", "onnx/model.onnx": "new" };
const ours = (folder: string) =>
  Object.fromEntries(Object.entries(contents(folder)).filter(([path]) => path in before || path in after));

describe.each(["exchange", "rename"])("a process that is killed, replacing by %s", (how) => {
  const replace = (folder: string, at: number) =>
    spawnSync(process.execPath, [script, folder, String(at), how], { encoding: "utf8" });

  test("leaves the old folder or the new one, and the next call ends what it had begun", () => {
    const kinds = new Set<string>();
    let at = 1;
    for (; ; at++) {
      const folder = oldFolder(`${how}-${at}`);
      const parent = join(folder, "..");
      const { status, signal, stderr } = replace(folder, at);
      expect(stderr).toBe("");
      if (status === 0) {
        expect(contents(parent)).toEqual(
          Object.fromEntries(Object.entries({ ...after, ...mine }).map(([path, text]) => [`photos/${path}`, text])),
        );
        break;
      }
      expect(signal).toBe("SIGKILL");
      // Renamed in two steps, the old folder may have its other name for a moment; it is whole under that.
      const aside = readdirSync(parent).find((name) => name.startsWith("photos.replaced-"));
      const now = existsSync(folder) ? folder : join(parent, aside ?? "nowhere");
      if (how === "exchange") expect(now).toBe(folder);
      expect([before, after]).toContainEqual(ours(now));
      kinds.add(`${ours(now)["classifier.json"]}${now === folder ? "" : " aside"}`);
      // Nothing of the user's is lost, wherever it is.
      const all = Object.entries(contents(parent));
      for (const name of Object.keys(mine)) {
        expect(all.filter(([path, text]) => path.endsWith(`/${name}`) && text === "mine")).toHaveLength(1);
      }
      expect(replace(folder, 0).status).toBe(0);
      expect(contents(folder)).toEqual({ ...after, ...mine });
      expect(readdirSync(parent)).toEqual(["photos"]);
    }
    expect(at).toBeGreaterThan(15);
    expect([...kinds]).toEqual(how === "exchange" ? ["old", "new"] : ["old", "old aside", "new"]);
  });
});

test("what fails while it is filled leaves the old folder", async () => {
  const folder = oldFolder("fails");
  const fill = async (incoming: string) => {
    writeFileSync(join(incoming, "classifier.json"), "new");
    throw new Error("the disk is full");
  };
  await expect(replaceFolder(folder, fill)).rejects.toThrow("the disk is full");
  expect(contents(folder)).toEqual({ ...before, ...mine });
  expect(readdirSync(join(folder, ".."))).toEqual(["photos"]);
});

test("a file of the user whose name a new file takes is kept under another", async () => {
  const folder = oldFolder("clash");
  await replaceFolder(folder, async (incoming) => writeFileSync(join(incoming, "notes.txt"), "new"), {
    isOurs: (path) => path in before,
  });
  expect(contents(folder)).toEqual({ ...mine, "notes.txt": "new", "notes.txt.1": "mine" });
});

test("a folder of which all is ours is replaced with everything in it", async () => {
  const folder = oldFolder("whole");
  await replaceFolder(folder, async (incoming) => writeFileSync(join(incoming, "content"), "new"));
  expect(contents(join(folder, ".."))).toEqual({ "photos/content": "new" });
});

test.runIf(process.platform === "linux" || process.platform === "darwin")(
  "two folders are exchanged in one step, or an error says what is missing",
  async () => {
    const folder = oldFolder("exchanged");
    mkdirSync(join(root, "other"));
    expect(await exchange(folder, join(root, "other"))).toBe(true);
    expect(contents(join(root, "other"))).toEqual({ ...before, ...mine });
    expect(readdirSync(folder)).toEqual([]);
    await expect(exchange(folder, join(root, "nowhere"))).rejects.toThrow(/^ENOENT: cannot exchange ".*photos" and/);
  },
);
