/** The site of the documentation: built from the pages, the examples and the public interface, without a broken link. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { entries, root } from "../support/installed-package.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-site-"));
afterAll(() => rmSync(folder, { recursive: true }));

function node(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, stdout, stderr };
}

function write(below: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, below, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return join(folder, below);
}

describe("the site", () => {
  const site = join(folder, "site");
  const page = (path: string) => readFileSync(join(site, path), "utf8");

  beforeAll(() => {
    // Broken links, warnings of TypeDoc, public names without a comment and pages that nothing links to end it with status 1.
    const { status, stderr } = node(join(root, "scripts/build-docs.mjs"), site);
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("has every guide, and the figures of the studies", () => {
    const guides = readdirSync(join(root, "docs")).filter((name) => name.endsWith(".md"));
    for (const name of guides) expect(page(`guides/${name.replace(".md", ".html")}`)).toContain("<h1");
    expect(page("studies/minutes/sample-efficiency.html")).toMatch(/<img src="[^"]*sample-efficiency\.svg"/);
    expect(page("guides/cli.html")).toContain("fovea quickstart [OPTIONS]");
  });

  test("has a page for each public module, and describes functions and the types that they take", () => {
    const names = entries.map((name) => name.replaceAll("/", "_"));
    for (const name of names) expect(existsSync(join(site, `modules/${name}.html`)), name).toBe(true);
    expect(page("functions/fovea.fit.html")).toMatch(/<a href="[^"]*"[^>]*>[^<]*FitImagesOptions/);
    expect(page("modules/fovea_graph.html")).toContain("operations, gradients");
  });

  test("shows each example", () => {
    const programs = readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts"));
    for (const name of programs) expect(page("examples.html")).toContain(`>${name}<`);
  });
});

test("broken links of Markdown are listed", () => {
  const repository = write("repository", {
    "README.md": "[a](docs/a.md), [b](docs/b.md#x)\n\n```\n[code](none.md)\n```\n",
    "docs/a.md": "[own](../examples/one.ts), [none](../examples/two.ts)\n",
    "docs/c.md": "alone\n",
    "examples/one.ts": "/** One. */\n",
  });
  const script = `import { readPages } from ${JSON.stringify(join(root, "scripts/docs/pages.mjs"))};
    try { readPages(process.argv[1]) } catch (error) { console.log(error.message) }`;
  expect(node("--input-type=module", "-e", script, repository).stdout.trim().split("\n")).toEqual([
    "broken links in Markdown:",
    "README.md: there is no file docs/b.md",
    "docs/a.md: there is no examples/two.ts",
    "docs/c.md: no page links to it",
  ]);
});

test("broken links of pages are listed", () => {
  const pages = write("pages", {
    "index.html": '<a href="a/b.html#here">1</a> <a href="a/b.html#there">2</a> <a href="https://example.org/">3</a>',
    "a/b.html":
      '<h1 id="here">b</h1> <a href="#here">4</a> <a href="../">5</a> <img src="no.svg"> <a href="../../x">6</a>',
  });
  const { status, stderr } = node(join(root, "scripts/docs/links.mjs"), pages);
  expect(stderr.trim().split("\n").sort()).toEqual([
    "a/b.html: ../ (no such file)",
    "a/b.html: ../../x (outside of the site)",
    "a/b.html: no.svg (no such file)",
    "index.html: a/b.html#there (no such anchor)",
    "links: 4 offences",
  ]);
  expect(status).toBe(1);
});
