/** The packed package, installed from its tarball in an empty project outside of the checkout, and Node of other versions to run it. */
import { execFile, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly engines: { readonly node: string };
  readonly devDependencies: Readonly<Record<string, string>>;
};

/** The entries of the package as programs import them: `fovea`, `fovea/graph`, ... */
export const entries = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => path.replace(/^\./, "fovea"));

/** Paths of the packed packages. */
export interface Packages {
  readonly fovea: string;
  readonly data: string;
  /** fovea-onnxruntime, and the package of this platform. */
  readonly runtime: readonly string[];
}

/** Packs what a user installs, once for all test files of a run. */
export function packPackages(): Packages {
  const shared = join(inject("packedFolder"), "packages");
  if (!existsSync(shared)) {
    const folder = mkdtempSync(join(inject("packedFolder"), "packing-"));
    const script = join(root, "scripts", "pack.mjs");
    // Without the script `prepare`: tests run on what is built.
    const env = { ...process.env, npm_config_ignore_scripts: "true" };
    const { status, stderr } = spawnSync(process.execPath, [script, folder], { encoding: "utf8", env });
    if (status !== 0) throw new Error(`scripts/pack.mjs failed:\n${stderr}`);
    try {
      renameSync(folder, shared);
    } catch {
      // Another test file was faster.
    }
  }
  const all = readdirSync(shared).map((name) => join(shared, name));
  const named = (pattern: RegExp) => all.filter((path) => pattern.test(path));
  const [fovea = "", data = ""] = [...named(/[\\/]fovea-\d[^\\/]*$/), ...named(/[\\/]fovea-data-[^\\/]*$/)];
  return { fovea, data, runtime: named(/[\\/]fovea-onnxruntime-[^\\/]*$/) };
}

/** The oldest version that `engines` names, and releases of the two lines that followed it. */
export const nodeVersions = ["20.10.0", "22.23.5", "24.22.3"] as const;

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Project {
  readonly folder: string;
  /** Runs a program, by default in the project's folder; `node` comes first on its PATH. */
  readonly execute: (
    program: string,
    args: readonly string[],
    options?: { readonly cwd?: string; readonly node?: string; readonly env?: NodeJS.ProcessEnv },
  ) => Promise<Finished>;
  /** Installs packages; returns why the registry could not be reached, undefined if it could. Throws for other failures. */
  readonly install: (packages: readonly string[]) => string | undefined;
  readonly remove: () => void;
}

const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** An empty project. */
export function emptyProject(): Project {
  const folder = mkdtempSync(join(tmpdir(), "fovea-install-"));
  const quietly = { cwd: folder, encoding: "utf8" } as const;
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  return {
    folder,
    execute: (program, args, { cwd = folder, node, env: given = process.env } = {}) =>
      new Promise((resolve, reject) => {
        const path = node === undefined ? given["PATH"] : `${dirname(node)}${delimiter}${given["PATH"]}`;
        const env = { ...given, PATH: path, FOVEA_CACHE: join(folder, "cache") };
        execFile(program, args, { ...quietly, cwd, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
          if (error && typeof error.code !== "number") reject(error);
          else resolve({ status: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
        });
      }),
    install: (packages) => {
      const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
      const timeouts = ["--fetch-retries=0", "--fetch-timeout=20000"];
      const { status, stderr } = spawnSync("npm", ["install", ...flags, ...timeouts, ...packages], quietly);
      const why = unreachable.exec(stderr)?.[0];
      if (status !== 0 && why === undefined) throw new Error(`npm install ${packages.join(" ")} failed:\n${stderr}`);
      return why;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/**
 * Installs Node of `nodeVersions` below a project's folder, from packages of the npm registry that hold nothing but the
 * binary. Returns the paths of the binaries by version; a text where the registry has none or cannot be reached.
 */
export function installNodes(project: Project): Readonly<Record<string, string>> | string {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const alias = (version: string) => `node-${version}`;
  mkdirSync(join(project.folder, "nodes"));
  writeFileSync(join(project.folder, "nodes", "package.json"), '{ "private": true }');
  const packages = nodeVersions.map((version) => `${alias(version)}@npm:node-${platform}-${process.arch}@${version}`);
  try {
    const why = project.install(["--prefix", "nodes", ...packages]);
    if (why !== undefined) return why;
  } catch (error) {
    if (process.platform === "linux" && process.arch === "x64") throw error;
    return `no Node for ${platform} ${process.arch}`;
  }
  const binary = process.platform === "win32" ? "node.exe" : "node";
  return Object.fromEntries(
    nodeVersions.map((version) => [
      version,
      join(project.folder, "nodes", "node_modules", alias(version), "bin", binary),
    ]),
  );
}
