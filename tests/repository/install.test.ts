/** The packed package in an empty project: it installs, its command runs, and every entry is imported and type-checked. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { programsIn, read } from "../support/command-lines.js";
import { emptyProject, entries, manifest, packPackages, root } from "../support/installed-package.js";

const packages = packPackages();
const project = emptyProject();
afterAll(project.remove);
const { execute, folder } = project;
/** The version that the checkout has, which `npm ci` has put into npm's cache. */
const asHere = (name: string) => {
  const { version } = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")) as {
    version: string;
  };
  return `${name}@${version}`;
};
const unreachable = project.install([packages.fovea, ...packages.runtime, asHere("typescript"), asHere("@types/node")]);

test("the tarball has what is published, and nothing that repeats it", async () => {
  const listed = (await execute("tar", ["tzf", packages.fovea])).stdout.trim().split("\n");
  for (const name of [
    "LICENSE",
    "NOTICE",
    "CHANGELOG.md",
    "SECURITY.md",
    "README.md",
    "bin/fovea.js",
    "docs/cli.md",
    "examples/train.ts",
  ])
    expect(listed).toContain(`package/${name}`);
  expect(
    listed.filter((path) =>
      /\.map$|\.onnx$|^package\/(src|tests|scripts|site|docs\/(studies|images)|assets\/data|examples\/.*\/dist)\//.test(
        path,
      ),
    ),
  ).toEqual([]);
  const packed = (await execute("tar", ["-xzOf", packages.fovea, "package/package.json"])).stdout;
  // npm warns of scripts that may run in an installation.
  expect(JSON.parse(packed)).not.toHaveProperty("scripts");
  // A release is at most 15 MB.
  expect(statSync(packages.fovea).size).toBeLessThan(15e6);
});

describe.skipIf(unreachable !== undefined)(
  `in an empty project${unreachable ? ` (skipped: the npm registry cannot be reached: ${unreachable})` : ""}`,
  () => {
    test("the command runs", async () => {
      const { stdout, stderr } = await execute("npx", ["--no-install", "fovea", "--version"]);
      expect([stdout, stderr]).toEqual([`${manifest.version}\n`, ""]);
    });

    test("every entry is imported", async () => {
      const script = `for (const name of ${JSON.stringify(entries)})
        if (Object.keys(await import(name)).length === 0) throw new Error(name + " exports nothing");`;
      expect(await execute(process.execPath, ["--input-type=module", "-e", script])).toEqual({
        status: 0,
        stdout: "",
        stderr: "",
      });
    });

    test("the bundled backbone embeds an image", async () => {
      const script = `import { open } from "fovea";
        const backbone = await open("embedded:bit");
        console.log((await backbone.embed({ data: new Uint8Array(48), height: 4, width: 4 })).length);
        await backbone.close();`;
      const { stdout, stderr } = await execute(process.execPath, ["--input-type=module", "-e", script]);
      expect([stdout, stderr]).toEqual(["1536\n", ""]);
    });

    test("the embedded datasets are found in their own package, or it is named", async () => {
      const describeFashion = () => execute("npx", ["--no-install", "fovea", "data", "embedded:fashion"]);
      const without = await describeFashion();
      expect([without.status, without.stderr]).toEqual([1, expect.stringContaining("are in the package fovea-data")]);
      expect(project.install([packages.data])).toBeUndefined();
      const { status, stdout, stderr } = await describeFashion();
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toContain("6,000");
    });

    test.each([
      ["NodeNext", "NodeNext"],
      ["ESNext", "Bundler"],
    ])(
      "examples, README and guides are typed as written, with module %s and resolution %s",
      async (module, resolution) => {
        mkdirSync(join(folder, "examples"), { recursive: true });
        const examples = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));
        for (const name of examples) copyFileSync(join(root, "examples", name), join(folder, "examples", name));
        const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
        const shown = ["README.md", ...guides.map((name) => `docs/${name}`)]
          .flatMap((name) => programsIn(read(join(root, name))))
          // the others are parts of programs
          .filter((program) => /^import /m.test(program));
        expect(shown.length).toBeGreaterThan(8);
        for (const [i, program] of shown.entries()) {
          const [, name = `shown-${i}.ts`] = /^\/\/ (\S+\.ts)\n/.exec(program) ?? [];
          writeFileSync(join(folder, "examples", name), program);
        }
        writeFileSync(
          join(folder, "program.ts"),
          `${entries.map((name, i) => `import * as module${i} from "${name}";`).join("\n")}
        import { fit, open } from "fovea";
        export const all: readonly object[] = [${entries.map((_, i) => `module${i}`)}];
        const backbone = await open("embedded:bit");
        export const features: Float32Array = await backbone.embed("photo.jpg");
        await using shoes = await fit("photos/", { backbone: "embedded:bit" });
        export const accuracy: number = shoes.expected.accuracy;
        // @ts-expect-error: there is no such option, so the declarations are real
        await fit("photos/", { backbones: 1 });
        `,
        );
        const options = { target: "es2022", module, moduleResolution: resolution, strict: true, noEmit: true };
        // Declarations are checked too: skipLibCheck is false by default.
        const compilerOptions = { ...options, types: ["node"] };
        writeFileSync(
          join(folder, "tsconfig.json"),
          JSON.stringify({ compilerOptions, include: ["program.ts", "examples"] }),
        );
        const { status, stdout } = await execute("npx", ["--no-install", "tsc", "-p", "."]);
        expect([stdout, status]).toEqual(["", 0]);
      },
    );
  },
);
