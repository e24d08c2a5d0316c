/** One process at a time has a folder; dead processes, of this machine and of others, do not count. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { LockError, lockFolder } from "../../src/files/lock.js";

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), "fovea-lock-"));
  made.push(folder);
  return folder;
}
const fileOf = (folder: string) => join(folder, "run.lock");
const quick = { heartbeat: 50, staleAfter: 400 };

test("a second holder is refused until the first is done, and nothing is left", async () => {
  const folder = temporary();
  const first = await lockFolder(folder);
  await expect(lockFolder(folder)).rejects.toThrow(LockError);
  await expect(lockFolder(folder)).rejects.toThrow(
    `${folder} is in use by process ${process.pid} on ${hostname()}; wait until it ends or stop it`,
  );
  await first.check();
  await first.release();
  const second = await lockFolder(folder);
  await second.release();
  expect(readdirSync(folder)).toEqual([]);
});

/** A process that takes the lock and waits; gives it once it has the lock. */
async function otherHolder(folder: string) {
  const built = new URL("../../dist/files/lock.js", import.meta.url).href;
  const script = `const { lockFolder } = await import(${JSON.stringify(built)});
    await lockFolder(process.argv[1]); console.log("locked"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

test("a lock of a process that was killed is taken over at once, that of one that is suspended is not", async () => {
  const folder = temporary();
  const child = await otherHolder(folder);
  child.kill("SIGSTOP");
  await expect(lockFolder(folder)).rejects.toThrow(`in use by process ${child.pid}`);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(fileOf(folder))).toBe(true);
  const lock = await lockFolder(folder);
  await lock.check();
  await lock.release();
});

test("a process id that another process has by now, and a file that is cut off, lock nothing", async () => {
  const folder = temporary();
  const first = await lockFolder(folder);
  const held = JSON.parse(readFileSync(fileOf(folder), "utf8")) as Record<string, unknown>;
  // This process is alive under that id, and was not started then.
  writeFileSync(fileOf(folder), JSON.stringify({ ...held, token: "other", started: "1" }));
  await (await lockFolder(folder)).release();
  await first.release();
  writeFileSync(fileOf(folder), '{"token": "ot');
  await (await lockFolder(folder)).release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a holder on another machine counts while it touches its file", async () => {
  const folder = temporary();
  const elsewhere = { token: "theirs", pid: 1, host: "elsewhere", processes: "theirs", started: "1" };
  const touch = () => writeFileSync(fileOf(folder), JSON.stringify(elsewhere));
  touch();
  const beat = setInterval(touch, quick.heartbeat);
  await expect(lockFolder(folder, quick)).rejects.toThrow(`${folder} is in use by process 1 on elsewhere`);
  clearInterval(beat);
  const lock = await lockFolder(folder, quick);
  await lock.release();
});

test("a holder whose lock was taken over is told, and neither touches nor removes the other's", async () => {
  const folder = temporary();
  const lock = await lockFolder(folder, quick);
  const theirs = JSON.stringify({ token: "theirs", pid: 1, host: "elsewhere", processes: "theirs", started: "1" });
  rmSync(fileOf(folder));
  writeFileSync(fileOf(folder), theirs);
  await expect(lock.check()).rejects.toThrow("is in use by process 1 on elsewhere");
  await new Promise((resolve) => setTimeout(resolve, 3 * quick.heartbeat));
  await lock.release();
  expect(readFileSync(fileOf(folder), "utf8")).toBe(theirs);
});
