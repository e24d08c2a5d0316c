/** Each program and command of docs/getting-started.md runs, in their order, where only the packed package is installed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { programsIn, read, shellWords } from "../support/command-lines.js";
import { emptyProject, packPackages, root } from "../support/installed-package.js";

const project = emptyProject();
afterAll(project.remove);
const { fovea, data, runtime } = packPackages();
const unreachable = project.install([fovea, data, ...runtime]);

const guide = read(join(root, "docs/getting-started.md"));
const lines = [...guide.matchAll(/^npx .*$/gm)].map(([line]) => line.replace(/ +#.*$/, ""));

/** What single commands print, beside leaving with status 0. */
const printed: Readonly<Record<string, RegExp>> = {
  "npx fovea quickstart": /natural .*specialised .*counting /s,
  "npx fovea data photos/": /train: 150 images of 3 classes.*test: 45 images of 3 classes.*no problems/s,
  "npx fovea fit photos/": /accuracy on new images like these: (8\d|9\d)/,
  "npx fovea evaluate models/photos photos/": /top-1 accuracy 91\.1 %/,
  "npx jiti run.ts photos/test/hat/0.jpg": /^Float32Array\(3\)/,
  "npx jiti program.ts": /^0\.[89]\d*\n\[\n.*name: 'hat'.*\n0\.\d+\n$/s,
};

describe.skipIf(unreachable !== undefined)(
  `getting started${unreachable ? ` (skipped: the npm registry cannot be reached: ${unreachable})` : ""}`,
  () => {
    beforeAll(() => {
      for (const program of programsIn(guide)) {
        const [, name = ""] = /^\/\/ (\S+\.ts)\n/.exec(program) ?? [];
        expect(name, program).not.toBe("");
        writeFileSync(join(project.folder, name), program);
      }
    });

    test("the guide has these commands", () => {
      expect(lines).toEqual(expect.arrayContaining(Object.keys(printed)));
    });

    test.each(lines)("%s", async (line) => {
      // The trainings of the guide take a minute; two epochs show that they run.
      const shorter = /^npx fovea train (?!.*--dry-run)/.test(line)
        ? `${line.replace(/ --total\.epochs=\d+/, "")} --total.epochs=2`
        : line;
      const [command = "", ...args] = shellWords(shorter) ?? [];
      const { status, stdout, stderr } = await project.execute(command, ["--no-install", ...args]);
      expect(status, stderr).toBe(0);
      if (line !== "npx jiti photos.ts") expect(stdout).toMatch(printed[line] ?? /.{10}/);
    });
  },
);
