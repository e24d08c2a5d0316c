/** Folders that cannot be made say what stands in the way. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeFileAtomically } from "../../src/files/atomic.js";
import { makeFolder, requireWritableFolder } from "../../src/files/folder.js";
import { unprivileged } from "../support/unprivileged.js";

const root = mkdtempSync(join(tmpdir(), "fovea-folder-"));
chmodSync(root, 0o755);
afterAll(() => rmSync(root, { recursive: true }));

test("a folder and those above it are made, and one that is there stays", () => {
  makeFolder(join(root, "a/b"));
  writeFileSync(join(root, "a/b/c"), "");
  makeFolder(join(root, "a/b"));
  expect(existsSync(join(root, "a/b/c"))).toBe(true);
});

test("a file in the way is named", () => {
  writeFileSync(join(root, "file"), "");
  for (const below of ["file", "file/x/y"]) {
    expect(() => makeFolder(join(root, below))).toThrow(
      `cannot make the folder ${join(root, below)}: ${join(root, "file")} is a file; choose another folder`,
    );
  }
});

test("a folder that may not be written to is named", async () => {
  mkdirSync(join(root, "theirs"), { mode: 0o555 });
  chmodSync(join(root, "theirs"), 0o555);
  await unprivileged(async () => {
    expect(() => makeFolder(join(root, "theirs/x/y"))).toThrow(
      `cannot make the folder ${join(root, "theirs/x/y")}: this user may not write to ${join(root, "theirs")}; choose`,
    );
  });
});

test("a folder is checked before anything is written, and not made", async () => {
  requireWritableFolder(join(root, "new/one"));
  expect(existsSync(join(root, "new"))).toBe(false);
  writeFileSync(join(root, "plain"), "");
  for (const below of ["plain", "plain/x"]) {
    expect(() => requireWritableFolder(join(root, below))).toThrow(
      `cannot write to the folder ${join(root, below)}: ${join(root, "plain")} is a file; choose another folder`,
    );
  }
});

test("a read-only disk is said to be one", async ({ skip }) => {
  const mounted = join(root, "disk");
  mkdirSync(mounted);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", mounted], { stdio: "pipe" });
  } catch (error) {
    skip(`mounting a file system needs root: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`);
  }
  try {
    expect(() => makeFolder(join(mounted, "runs/one"))).toThrow(
      `cannot make the folder ${join(mounted, "runs/one")}: ${mounted} is on a read-only disk; choose a folder on another`,
    );
    expect(() => requireWritableFolder(join(mounted, "runs/one"))).toThrow(
      `cannot write to the folder ${join(mounted, "runs/one")}: ${mounted} is on a read-only disk; choose a folder on another`,
    );
    await expect(writeFileAtomically(join(mounted, "one.json"), [])).rejects.toThrow(
      `${join(mounted, "one.json")} cannot be written: ${mounted} is on a read-only disk; choose another folder`,
    );
  } finally {
    execFileSync("umount", [mounted]);
  }
});
