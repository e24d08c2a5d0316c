/**
 * Fovea installed by each package manager from a registry that has the packed packages: nothing is fetched from elsewhere,
 * CUDA least of all, and README's program and the command run.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { programsIn, read } from "../support/command-lines.js";
import { everything } from "../support/extent.js";
import { emptyProject, packPackages, root } from "../support/installed-package.js";
import { type Registry, reachRegistry, refusingEnvironment, startRegistry } from "../support/registry.js";
import { imageFolder } from "../support/trained-run.js";

interface Manager {
  readonly title: string;
  /** What npm installs to have it. */
  readonly package: string;
  /** Its program, in the folder of its package. */
  readonly program: string;
  readonly add: string;
  /** Arguments that run the command of an installed package. */
  readonly command: readonly string[];
  /** Lines of .yarnrc.yml. */
  readonly settings: readonly string[];
  /** Whether it runs install scripts of dependencies unasked. */
  readonly runsScripts: boolean;
}

const common = { program: "bin/yarn.js", add: "add", command: ["run"], settings: [] };
const npm = { ...common, program: "bin/npm-cli.js", add: "install", command: ["exec", "--offline", "--"] };
// README states the linker; the rest is what the test needs.
const yarn4 = ["nodeLinker: node-modules", 'unsafeHttpWhitelist: ["127.0.0.1"]', "enableTelemetry: false"];

/** npm 11.15 is the last that runs install scripts of dependencies; of the others the newest that run on Node 20. */
const all: readonly Manager[] = [
  { ...npm, title: "npm 10", package: "npm@10.9.9", runsScripts: true },
  { ...npm, title: "npm 11", package: "npm@11.15.0", runsScripts: true },
  {
    ...common,
    title: "pnpm 12",
    package: "pnpm@12.21.0",
    program: "bin/pnpm.mjs",
    command: ["exec"],
    runsScripts: false,
  },
  { ...common, title: "yarn 1", package: "yarn@1.22.22", command: ["run", "--silent"], runsScripts: true },
  { ...common, title: "yarn 4", package: "@yarnpkg/cli-dist@4.18.1", settings: yarn4, runsScripts: false },
];

/** Those that are tested: without FOVEA_TEST_EVERYTHING one that runs install scripts unasked, and one that does not. */
const managers = all.filter(({ title }) => everything || title === "npm 10" || title === "pnpm 12");

/** Holds the package managers. */
const project = emptyProject();
const created = [project.remove];
const refused = join(project.folder, "refused.txt");
const unreachable = await reachRegistry();
const aliasOf = ({ title }: Manager) => title.replace(/\W+/g, "-");
let registry: Registry;

beforeAll(async () => {
  if (unreachable !== undefined) return;
  const { fovea, runtime } = packPackages();
  registry = await startRegistry([fovea, ...runtime, packDownloader()], refused);
  project.install(["--ignore-scripts", ...managers.map((one) => `${aliasOf(one)}@npm:${one.package}`)]);
  await imageFolder(join(project.folder, "photos"), { boots: 6, hats: 6, shirts: 6 }, 40);
}, 300_000);
afterAll(() => {
  registry?.close();
  for (const remove of created) remove();
});

/** The name of a package with an install script that downloads, as that of onnxruntime-node does. */
const downloader = "fovea-test-downloads";

/** Packs it. */
function packDownloader(): string {
  const folder = join(project.folder, downloader);
  mkdirSync(folder);
  const script = 'require("node:https").get("https://download.invalid/cuda");\n';
  writeFileSync(join(folder, "install.js"), script);
  const scripts = { postinstall: "node install.js" };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: downloader, version: "1.0.0", scripts }));
  const args = ["pack", folder, "--silent", "--ignore-scripts", "--pack-destination", folder];
  const { status, stdout, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
  return join(folder, stdout.trim());
}

/** README's program, as JavaScript of any Node. */
const readmeProgram = ts.transpileModule(programsIn(read(join(root, "README.md")))[0] ?? "", {
  compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
}).outputText;

/** An empty project of one package manager, in which programs reach no machine but this one. */
function projectOf(manager: Manager, refusedFile: string) {
  const { folder, execute, remove } = emptyProject();
  created.push(remove);
  writeFileSync(join(folder, ".npmrc"), `registry=${registry.url}/\n`);
  if (manager.settings.length > 0) {
    const settings = [`npmRegistryServer: "${registry.url}"`, ...manager.settings];
    writeFileSync(join(folder, ".yarnrc.yml"), `${settings.join("\n")}\n`);
  }
  const program = join(project.folder, "node_modules", aliasOf(manager), manager.program);
  const env = refusingEnvironment(registry.url, refusedFile, join(project.folder, "home"));
  const run = (args: readonly string[]) => execute(process.execPath, args, { env });
  return {
    folder,
    manage: (...args: readonly string[]) => run([program, ...args]),
    node: (file: string) => run([file]),
  };
}

/** The hosts that were refused so far. */
const refusedHosts = () => (existsSync(refused) ? readFileSync(refused, "utf8") : "");

describe.skipIf(unreachable !== undefined)(
  `from a registry${unreachable ? ` (skipped: the npm registry cannot be reached: ${unreachable})` : ""}`,
  () => {
    // Otherwise the tests below could not fail.
    test.each(managers.filter(({ runsScripts }) => runsScripts))(
      "an install script that downloads is seen and refused: $title",
      async (manager) => {
        const hosts = join(project.folder, `${aliasOf(manager)}.txt`);
        const { status } = await projectOf(manager, hosts).manage(manager.add, downloader);
        expect(status).not.toBe(0);
        expect(readFileSync(hosts, "utf8")).toBe("download.invalid\n");
      },
    );

    describe.each(managers)("$title", (manager) => {
      test("installs fovea, without CUDA, and runs it", async () => {
        const { folder, manage, node } = projectOf(manager, refused);
        const installed = await manage(manager.add, "fovea");
        expect(installed.status, installed.stdout + installed.stderr).toBe(0);
        const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
        expect(names.filter((name) => /fovea-onnxruntime-(linux|darwin|win32)-/.test(name))).not.toEqual([]);
        expect(names.filter((name) => /providers_cuda|onnxruntime-node/.test(name))).toEqual([]);
        expect(refusedHosts()).toBe("");

        cpSync(join(project.folder, "photos"), join(folder, "photos"), { recursive: true });
        cpSync(join(folder, "photos/hats/1.png"), join(folder, "photo.jpg"));
        writeFileSync(join(folder, "readme.js"), readmeProgram);
        const ran = await node("readme.js");
        expect(ran.status, ran.stderr).toBe(0);
        expect(ran.stdout).toMatch(/^[\d.]+ \[ [\d., ]+\]\n\[.*name: 'hats'/s);

        const classified = await manage(...manager.command, "fovea", "predict", "models/shoes", "photo.jpg");
        expect(classified.status, classified.stderr).toBe(0);
        expect(classified.stdout).toMatch(/^hats .*photo\.jpg$/m);
        expect(refusedHosts()).toBe("");
      });
    });
  },
);
