/** The package fovea-onnxruntime: which copy of ONNX Runtime it loads, and what the packages of the platforms hold. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import * as runtime from "fovea-onnxruntime";
import { binaries } from "fovea-onnxruntime/location";
import { afterEach, describe, expect, test } from "vitest";
import { packPackages, root } from "../support/installed-package.js";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const manifestOf = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8")) as Manifest;
const own = manifestOf("packages/onnxruntime/package.json");
const platform = `${process.platform}-${process.arch}`;
const provider = "libonnxruntime_providers_cuda.so";

const created: string[] = [];
afterEach(() => {
  for (const folder of created.splice(0)) rmSync(folder, { recursive: true });
});

test("all versions are that of onnxruntime-node", () => {
  const fovea = manifestOf("package.json");
  expect(manifestOf("node_modules/onnxruntime-node/package.json").version).toBe(own.version);
  expect(fovea.devDependencies["onnxruntime-node"]).toBe(own.version);
  expect(fovea.dependencies["fovea-onnxruntime"]).toBe(own.version);
  expect(own.dependencies["onnxruntime-common"]).toBe(own.version);
});

test("it exports what onnxruntime-node exports, and in a checkout is that", () => {
  const upstream = createRequire(import.meta.url)("onnxruntime-node") as Record<string, unknown>;
  expect({ ...runtime }).toEqual({ ...upstream });
  expect(runtime.InferenceSession).toBe(upstream["InferenceSession"]);
  expect(binaries).toBe(join(root, "node_modules/onnxruntime-node/bin/napi-v6", process.platform, process.arch));
});

describe("the copy that is loaded", () => {
  // A project with fovea-onnxruntime and these packages, whose entries export their own name.
  function projectWith(
    packages: Readonly<Record<string, { readonly version: string; readonly cuda?: boolean }>>,
  ): string {
    const folder = mkdtempSync(join(tmpdir(), "fovea-onnxruntime-"));
    created.push(folder);
    const modules = join(folder, "node_modules");
    cpSync(join(root, "packages/onnxruntime"), join(modules, "fovea-onnxruntime"), { recursive: true });
    for (const [name, { version, cuda = false }] of Object.entries(packages)) {
      const libraries = join(modules, name, "bin/napi-v6", process.platform, process.arch);
      mkdirSync(libraries, { recursive: true });
      mkdirSync(join(modules, name, "dist"));
      writeFileSync(join(modules, name, "package.json"), JSON.stringify({ name, version, main: "dist/index.js" }));
      writeFileSync(join(modules, name, "dist/index.js"), `exports.env = ${JSON.stringify(name)};`);
      writeFileSync(join(libraries, "onnxruntime_binding.node"), "");
      if (cuda) writeFileSync(join(libraries, provider), "");
    }
    return join(modules, "fovea-onnxruntime/index.js");
  }

  function load(entry: string): string {
    const script = `const { env } = await import(${JSON.stringify(pathToFileURL(entry).href)}); console.log(env);`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    return stdout.trim() || stderr;
  }

  const ours = `fovea-onnxruntime-${platform}`;
  const upstream = "onnxruntime-node";
  const { version } = own;

  test.each([
    ["the platform's", { [ours]: { version } }, ours],
    ["the platform's beside onnxruntime-node", { [ours]: { version }, [upstream]: { version } }, ours],
    ["onnxruntime-node with CUDA", { [ours]: { version }, [upstream]: { version, cuda: true } }, upstream],
    [
      "the platform's beside another onnxruntime-node with CUDA",
      { [ours]: { version }, [upstream]: { version: "1.24.3", cuda: true } },
      ours,
    ],
    ["onnxruntime-node alone", { [upstream]: { version } }, upstream],
  ])("is %s", (_title, packages, expected) => {
    expect(load(projectWith(packages))).toBe(expected);
  });

  test("without any, the error names the packages and the version", () => {
    for (const message of [load(projectWith({})), load(projectWith({ [upstream]: { version: "1.24.3" } }))]) {
      expect(message).toContain(
        `ONNX Runtime is not installed for ${platform}: expected the package ${ours} ${version}`,
      );
      expect(message).toContain(`onnxruntime-node ${version}`);
    }
  });
});

describe("as packed", () => {
  const manifests = packPackages().runtime.map((tarball) => {
    const read = (...args: readonly string[]) => spawnSync("tar", [...args, tarball], { encoding: "utf8" }).stdout;
    return { files: read("-tzf").trim().split("\n"), manifest: JSON.parse(read("-xzO", "package/package.json", "-f")) };
  });

  test("the package depends on that of the platform, and both have licences and no scripts", () => {
    const names = manifests.map(({ manifest }) => manifest.name).sort();
    expect(names).toEqual(["fovea-onnxruntime", `fovea-onnxruntime-${platform}`]);
    for (const { files, manifest } of manifests) {
      expect(manifest.version).toBe(own.version);
      expect(manifest.scripts).toBeUndefined();
      expect(files).toEqual(expect.arrayContaining(["package/LICENSE", "package/ThirdPartyNotices.txt"]));
    }
    const facade = manifests.find(({ manifest }) => manifest.name === "fovea-onnxruntime");
    expect(facade?.manifest.optionalDependencies).toEqual({ [`fovea-onnxruntime-${platform}`]: own.version });
  });

  test("the package of the platform holds its libraries, unchanged, and no others", () => {
    const [os, cpu] = platform.split("-");
    const libraries = manifests.flatMap(({ files }) => files.filter((file) => file.includes("/bin/")));
    const folders = new Set(libraries.map((file) => dirname(file)));
    expect([...folders]).toEqual([`package/bin/napi-v6/${os}/${cpu}`]);
    expect(libraries.length).toBeGreaterThan(1);
    expect(libraries.filter((file) => file.includes(provider))).toEqual([]);
  });
});
