/**
 * Packs what a user installs: fovea, fovea-data, fovea-onnxruntime, and the native libraries of ONNX Runtime for this
 * platform as fovea-onnxruntime-PLATFORM. These are made of the checkout's onnxruntime-node, without its install script.
 *
 * usage: npm run pack [-- FOLDER] [-- --all-platforms]      default folder: packed/
 *        --all-platforms  packs the libraries of every platform, for publication (CONTRIBUTING.md)
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const upstream = join(root, "node_modules", "onnxruntime-node");
const facade = join(root, "packages", "onnxruntime");

/**
 * The libraries of each platform. onnxruntime-node has more: for macOS a second copy under the name of the version, which
 * nothing loads; for Windows DirectML, which is loaded for a provider that Fovea does not use, and the DirectX shader
 * compiler, which the WebGPU provider uses instead of the system's where it is there. Both have licences of their own.
 */
const libraries = {
  "darwin-arm64": ["libonnxruntime.1.dylib"],
  "linux-arm64": ["libonnxruntime.so.1"],
  "linux-x64": ["libonnxruntime.so.1"],
  "win32-arm64": ["onnxruntime.dll"],
  "win32-x64": ["onnxruntime.dll"],
};

/** What of package.json is for checkouts only. */
const ofCheckout = ["workspaces", "scripts", "allowScripts", "devDependencies"];

const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
const nameOf = (platform) => `fovea-onnxruntime-${platform}`;

/** Writes the package of one platform into a folder: the layout is that of onnxruntime-node, whose modules find the libraries by it. */
function writePlatform(folder, platform, { version, license, dependencies }) {
  const [os, cpu] = platform.split("-");
  const binaries = join("bin", "napi-v6", os, cpu);
  for (const file of ["onnxruntime_binding.node", ...libraries[platform]]) {
    cpSync(join(upstream, binaries, file), join(folder, binaries, file));
  }
  for (const file of readdirSync(join(upstream, "dist"))) {
    if (file.endsWith(".js")) cpSync(join(upstream, "dist", file), join(folder, "dist", file));
  }
  for (const file of ["LICENSE", "ThirdPartyNotices.txt"]) cpSync(join(facade, file), join(folder, file));
  writeFileSync(
    join(folder, "README.md"),
    `# ${nameOf(platform)}\n\nONNX Runtime ${version} for ${platform}, which fovea-onnxruntime loads.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: nameOf(platform),
    version,
    description: `The native libraries of ONNX Runtime for ${platform}, for fovea-onnxruntime.`,
    license,
    main: "dist/index.js",
    preferUnplugged: true,
    os: [os],
    cpu: [cpu],
    libc: os === "linux" ? ["glibc"] : undefined,
    dependencies,
  });
}

/** Writes fovea-onnxruntime into a folder, which depends on the packages of these platforms. */
function writeFacade(folder, platforms, manifest) {
  for (const file of readdirSync(facade)) {
    if (file !== "node_modules") cpSync(join(facade, file), join(folder, file), { recursive: true });
  }
  const optionalDependencies = Object.fromEntries(platforms.map((platform) => [nameOf(platform), manifest.version]));
  writeJson(join(folder, "package.json"), { ...manifest, optionalDependencies });
}

/** Writes the package fovea into a folder, without what only a checkout needs: npm would warn of the script `prepare`. */
function writeFovea(folder) {
  pack(["."], folder, "ignore");
  const [tarball] = readdirSync(folder);
  const { status } = spawnSync("tar", ["-xzf", tarball, "--strip-components=1"], { cwd: folder });
  if (status !== 0) throw new Error(`tar ended with status ${status}`);
  rmSync(join(folder, tarball));
  const manifest = Object.entries(readJson(join(folder, "package.json")));
  writeJson(join(folder, "package.json"), Object.fromEntries(manifest.filter(([key]) => !ofCheckout.includes(key))));
}

function pack(packages, destination, stdout = "inherit") {
  const { status } = spawnSync("npm", ["pack", ...packages, "--silent", "--pack-destination", destination], {
    cwd: root,
    stdio: ["ignore", stdout, "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm pack ended with status ${status}`);
}

function packAll(destination, platforms) {
  const manifest = readJson(join(facade, "package.json"));
  const { version } = readJson(join(upstream, "package.json"));
  if (version !== manifest.version) {
    throw new Error(
      `onnxruntime-node ${version} is installed; expected ${manifest.version}, the version of packages/onnxruntime; run npm ci`,
    );
  }
  const staging = mkdtempSync(join(tmpdir(), "fovea-pack-"));
  try {
    const folders = ["fovea", "facade", ...platforms].map((name) => join(staging, name));
    for (const folder of folders) mkdirSync(folder);
    writeFovea(join(staging, "fovea"));
    writeFacade(join(staging, "facade"), platforms, manifest);
    for (const platform of platforms) writePlatform(join(staging, platform), platform, manifest);
    mkdirSync(destination, { recursive: true });
    pack(["./assets/data", ...folders], destination);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

const args = process.argv.slice(2);
const all = args.includes("--all-platforms");
const [folder, ...rest] = args.filter((arg) => arg !== "--all-platforms");
const own = `${process.platform}-${process.arch}`;
if (rest.length > 0 || folder?.startsWith("-")) {
  console.error("usage: npm run pack [-- FOLDER] [-- --all-platforms]");
  process.exitCode = 1;
} else {
  const destination = resolve(folder ?? join(root, "packed"));
  // Files of other versions would be installed too.
  if (folder === undefined) rmSync(destination, { recursive: true, force: true });
  // onnxruntime-node has no libraries for other platforms, so Fovea does not run there.
  packAll(
    destination,
    Object.keys(libraries).filter((platform) => all || platform === own),
  );
}
