/**
 * Builds dist/ and models/NAME/model.onnx. The new dist/ is built in a folder beside the old one and swapped with it
 * when it is complete, so that commands and tests that run meanwhile always find one.
 *
 * usage: node scripts/build.mjs               type-checks and builds
 *        node scripts/build.mjs --if-changed  builds without type checks, and only if dist/ was built from other files than
 *                                             the present ones (the script `prepare`, which npm runs often)
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const temporaryPrefix = "dist.building-";
/** The file in dist/ with the fingerprint of the files that it was built from. */
const stampName = "made-of.txt";

function* filesBelow(path) {
  for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(inside);
    else yield inside;
  }
}

const backbones = () =>
  readdirSync(join(root, "models")).filter((name) => existsSync(join(root, "models", name, "model.safetensors")));

/** SHA-256 of the names and contents of all files that a build reads. */
function fingerprint() {
  const hash = createHash("sha256");
  const read = [
    ...filesBelow("src"),
    ...backbones().map((name) => `models/${name}/model.safetensors`),
    "scripts/build.mjs",
    "scripts/write-onnx.mjs",
    "tsconfig.json",
    "tsconfig.build.json",
    "package-lock.json",
  ];
  for (const path of read.sort()) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex");
}

function isUpToDate() {
  if (!existsSync(join(dist, stampName))) return false;
  if (backbones().some((name) => !existsSync(join(root, "models", name, "model.onnx")))) return false;
  return readFileSync(join(dist, stampName), "utf8").trim() === fingerprint();
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Removes what killed builds left behind. */
function removeLeftovers() {
  for (const name of readdirSync(root)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    if (!isRunning(Number.parseInt(name.slice(temporaryPrefix.length), 10))) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
  }
}

/** Links packages/onnxruntime into node_modules, as npm ci does, where node_modules is older than the package. */
function linkPackages() {
  const link = join(root, "node_modules", "fovea-onnxruntime");
  if (!existsSync(link)) symlinkSync("../packages/onnxruntime", link, "junction");
}

/** Swaps the new folder with dist/; the old one is then in `incoming`, and is removed. */
async function putInPlace(incoming) {
  const { exchange } = await import(pathToFileURL(join(incoming, "files", "exchange.js")).href);
  if (existsSync(dist) && !(await exchange(incoming, dist))) {
    // On a system without that call, dist/ is missing for a moment.
    const replaced = `${incoming}-replaced`;
    renameSync(dist, replaced);
    renameSync(incoming, dist);
    rmSync(replaced, { recursive: true, force: true });
  } else if (!existsSync(dist)) {
    renameSync(incoming, dist);
  }
  rmSync(incoming, { recursive: true, force: true });
}

async function build(checkTypes) {
  const made = fingerprint();
  const incoming = join(root, `${temporaryPrefix}${process.pid}`);
  removeLeftovers();
  linkPackages();
  mkdirSync(incoming);
  try {
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const options = [
      "-p",
      join(root, "tsconfig.build.json"),
      "--outDir",
      incoming,
      ...(checkTypes ? [] : ["--noCheck"]),
    ];
    const { status } = spawnSync(process.execPath, [compiler, ...options], { stdio: "inherit" });
    if (status !== 0) return false;
    const { writeOnnx } = await import("./write-onnx.mjs");
    await writeOnnx(incoming, join(root, "models"), backbones());
    writeFileSync(join(incoming, stampName), `${made}\n`);
    await putInPlace(incoming);
    return true;
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

const ifChanged = process.argv.includes("--if-changed");
if (!(ifChanged && isUpToDate()) && !(await build(!ifChanged))) process.exitCode = 1;
