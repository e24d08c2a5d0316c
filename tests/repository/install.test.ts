/** The packed package in an empty project: it installs, its command runs, and every entry is imported and type-checked. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  exports: Record<string, unknown>;
};
const modules = Object.keys(manifest.exports)
  .filter((path) => path !== "./package.json")
  .map((path) => path.replace(/^\./, "fovea"));

const project = mkdtempSync(join(tmpdir(), "fovea-install-"));
afterAll(() => rmSync(project, { recursive: true }));

function execute(command: string, args: readonly string[], cwd = project) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  return { status, stdout, stderr };
}

execute("npm", ["pack", ".", "./assets/data", "--ignore-scripts", "--pack-destination", project], root);
const tarball = `fovea-${manifest.version}.tgz`;
writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }');
const installed = execute("npm", [
  "install",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--prefer-offline",
  "--fetch-retries=0",
  "--fetch-timeout=20000",
  `./${tarball}`,
]);
/** Why npm could not reach its registry; undefined if it could. */
const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT/.exec(
  installed.stderr,
)?.[0];

test("the tarball has what is published, and nothing that repeats it", () => {
  const listed = execute("tar", ["tzf", tarball]).stdout.trim().split("\n");
  for (const name of ["LICENSE", "NOTICE", "CHANGELOG.md", "SECURITY.md", "README.md", "bin/fovea.js"])
    expect(listed).toContain(`package/${name}`);
  expect(
    listed.filter((path) => /\.map$|\.onnx$|^package\/(src|tests|docs|scripts|assets\/data)\//.test(path)),
  ).toEqual([]);
  // A release is at most 15 MB.
  expect(statSync(join(project, tarball)).size).toBeLessThan(15e6);
});

describe.skipIf(unreachable !== undefined)(
  `in an empty project${unreachable ? ` (skipped: the npm registry cannot be reached: ${unreachable})` : ""}`,
  () => {
    beforeAll(() => expect(installed.status, installed.stderr).toBe(0));

    test("the command runs", () => {
      const { stdout, stderr } = execute("npx", ["--no-install", "fovea", "--version"]);
      expect([stdout, stderr]).toEqual([`${manifest.version}\n`, ""]);
    });

    test("every entry is imported", () => {
      const script = `for (const name of ${JSON.stringify(modules)})
        if (Object.keys(await import(name)).length === 0) throw new Error(name + " exports nothing");`;
      expect(execute(process.execPath, ["--input-type=module", "-e", script])).toEqual({
        status: 0,
        stdout: "",
        stderr: "",
      });
    });

    test("the bundled backbone embeds an image", () => {
      const script = `import { open } from "fovea";
        const backbone = await open("embedded:bit");
        console.log((await backbone.embed({ data: new Uint8Array(48), height: 4, width: 4 })).length);
        await backbone.close();`;
      const { stdout, stderr } = execute(process.execPath, ["--input-type=module", "-e", script]);
      expect([stdout, stderr]).toEqual(["1536\n", ""]);
    });

    test("the embedded datasets are found in their own package, or it is named", () => {
      const describeFashion = () => execute("npx", ["--no-install", "fovea", "data", "embedded:fashion"]);
      const without = describeFashion();
      expect([without.status, without.stderr]).toEqual([1, expect.stringContaining("are in the package fovea-data")]);
      const data = execute("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "./fovea-data-1.0.0.tgz"]);
      expect(data.status, data.stderr).toBe(0);
      const { status, stdout, stderr } = describeFashion();
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("6,000");
    });

    test.each([
      ["NodeNext", "NodeNext"],
      ["ESNext", "Bundler"],
    ])("its declarations are found with module %s and resolution %s", (module, moduleResolution) => {
      writeFileSync(
        join(project, "program.ts"),
        `${modules.map((name, i) => `import * as module${i} from "${name}";`).join("\n")}
        import { fit, open } from "fovea";
        export const all: readonly object[] = [${modules.map((_, i) => `module${i}`)}];
        const backbone = await open("embedded:bit");
        export const features: Float32Array = await backbone.embed("photo.jpg");
        await using shoes = await fit("photos/", { backbone: "embedded:bit" });
        export const accuracy: number = shoes.expected.accuracy;
        // @ts-expect-error: there is no such option, so the declarations are real
        await fit("photos/", { backbones: 1 });
        `,
      );
      const compilerOptions = {
        target: "es2022",
        lib: ["esnext"],
        module,
        moduleResolution,
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        types: ["node"],
        typeRoots: [join(root, "node_modules", "@types")],
      };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
      const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
      const { status, stdout } = execute(process.execPath, [compiler, "-p", "."]);
      expect([stdout, status]).toEqual(["", 0]);
    });
  },
);
