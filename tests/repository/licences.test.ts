/** NOTICE names every package whose licence is none of the permissive ones, and the package carries it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

interface LockedPackage {
  /** Of a package of the repository. */
  readonly name?: string;
  readonly license?: string;
  readonly dev?: boolean;
  /** A package for development that a user may install too, on purpose. */
  readonly devOptional?: boolean;
  readonly link?: boolean;
}
const lock = JSON.parse(read("package-lock.json")) as { packages: Record<string, LockedPackage> };
const manifest = JSON.parse(read("package.json")) as {
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  files: string[];
};
const [, distributed = "", installed = "", development = ""] = read("NOTICE").split(/^\d\. .*$/m);

/** The licences that NOTICE names as such. */
const permissive = /^\(?(MIT|ISC|BSD-[23]-Clause|Apache-2\.0)( (OR|AND) (MIT|ISC|BSD-[23]-Clause|Apache-2\.0))*\)?$/;

const packages = Object.entries(lock.packages)
  .filter(([path, { link }]) => path !== "" && link !== true)
  .map(([path, { name, license = "none", dev = false, devOptional = false }]) => ({
    name: name ?? path.replace(/^.*node_modules\//, ""),
    license,
    dev: dev || devOptional,
  }));
const others = packages.filter(({ license }) => !permissive.test(license));

/** The name as NOTICE may write it, with PLATFORM for what differs from machine to machine. */
const forms = (name: string): string[] => [
  name,
  name.replace(/^(@img\/sharp-libvips|@img\/sharp-win32|lightningcss)-.*$/, "$1-PLATFORM"),
];

test("there are such packages, or nothing is tested", () => {
  expect(packages.length).toBeGreaterThan(100);
  expect(new Set(others.map(({ license }) => license)).size).toBeGreaterThan(4);
});

test("each package with another licence is named in its part of NOTICE, with that licence", () => {
  const missing = others.filter(({ name, license, dev }) => {
    const part = dev ? development : installed;
    const text = license.startsWith("SEE LICENSE IN ")
      ? "licence of its own: LICENSE.txt"
      : `(${license.replace(/^\(|\)$/g, "")})`;
    return !forms(name).some((form) => part.includes(form)) || !part.includes(text);
  });
  expect(missing).toEqual([]);
});

test("no direct dependency of a user is under a copyleft licence", () => {
  const named = { ...manifest.dependencies, ...manifest.optionalDependencies };
  const direct = packages.filter(({ name, dev }) => !dev && Object.hasOwn(named, name));
  expect(direct).toHaveLength(Object.keys(named).length);
  expect(direct.filter(({ license }) => /GPL|MPL|EPL|CDDL/.test(license))).toEqual([]);
});

test("the notice that h5wasm asks to keep is whole", () => {
  const words = (text: string) => text.split(/\s+/).join(" ");
  const own = words(read("node_modules/h5wasm/LICENSE.txt"));
  const notice = own.slice(own.indexOf("NIST-developed"), own.indexOf("within the United States.")).trim();
  expect(notice.length).toBeGreaterThan(1500);
  expect(words(installed)).toContain(notice);
});

test("the embedded images are listed, and NOTICE comes with the package", () => {
  for (const set of ["clothing", "fashion", "sign-digits"])
    expect(distributed).toMatch(new RegExp(`^ {2}${set} `, "m"));
  expect(manifest.files).toContain("NOTICE");
});
