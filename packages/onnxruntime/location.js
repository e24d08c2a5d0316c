/**
 * Finds ONNX Runtime: in the package of this platform, or in onnxruntime-node of the same version. The latter is used if it has the CUDA
 * provider, or if the package of the platform is not installed (as in a checkout of Fovea).
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const platform = `${process.platform}-${process.arch}`;

/** The entry and the binaries of a package; undefined if it is not installed, has another version, or has none for this platform. */
function locate(name) {
  let folder;
  try {
    folder = dirname(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
  const binaries = join(folder, "bin", "napi-v6", process.platform, process.arch);
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (manifest.version !== version || !existsSync(join(binaries, "onnxruntime_binding.node"))) return undefined;
  return { entry: join(folder, manifest.main), binaries };
}

const upstream = locate("onnxruntime-node");
const hasCuda = upstream !== undefined && existsSync(join(upstream.binaries, "libonnxruntime_providers_cuda.so"));
const found = (hasCuda ? undefined : locate(`fovea-onnxruntime-${platform}`)) ?? upstream;
if (found === undefined) {
  throw new Error(
    `ONNX Runtime is not installed for ${platform}: expected the package fovea-onnxruntime-${platform} ${version}, which package managers install unless optional dependencies are omitted or node_modules is of another machine, or else onnxruntime-node ${version}; install again on this machine`,
  );
}

export const { entry, binaries } = found;
