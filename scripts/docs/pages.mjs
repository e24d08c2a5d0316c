/** The pages of the documentation: the Markdown files that README links to, directly or through others, and the examples. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/** Pages of docs/ that are looked up rather than read. */
const reference = ["cli", "papers", "results"].map((name) => `docs/${name}.md`);
const examplesPage = "examples/README.md";

/** The groups of the sidebar, in their order, and the pages that belong to each. */
const groups = [
  ["Guides", (path) => /^docs\/[^/]+\.md$/.test(path) && !reference.includes(path) && path !== "docs/internals.md"],
  ["Examples", (path) => path.startsWith("examples/")],
  ["Reference", (path) => reference.includes(path)],
  ["Studies", (path) => path.startsWith("docs/studies/")],
  ["Bundled backbones", (path) => path.startsWith("models/")],
  ["Project", () => true],
];
export const groupNames = groups.map(([name]) => name);

/** The address of a page in the site, without its ending. */
const addressOf = (path) =>
  path
    .replace(/\.md$/, "")
    .replace(/^docs\/(?=studies\/)/, "")
    .replace(/^docs\//, "guides/")
    .replace(/\/README$/, "")
    .toLowerCase();

/** Splits Markdown into text and fenced code, alternately; the code has its fences. */
const segments = (markdown) => markdown.split(/(^```.*?^```$)/ms);

/** The anchor that GitHub, and TypeDoc, give to a heading. */
export const anchorOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");

/** Replaces the relative targets of links and images in Markdown: `replace` gets a path without anchor, and the anchor. */
function mapLinks(markdown, replace) {
  return segments(markdown)
    .map((part, i) =>
      i % 2 === 1
        ? part
        : part.replace(
            /\]\((?![a-z]+:|#)([^()\s#]+)(#[^()\s]*)?\)/g,
            (_, path, anchor = "") => `](${replace(path, anchor)})`,
          ),
    )
    .join("");
}

/** The page of the examples: each program with what its first comment says. */
function examplesMarkdown(root) {
  const programs = readdirSync(join(root, "examples"))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const text = readFileSync(join(root, "examples", name), "utf8");
      const [comment = "", about = ""] = /^\/\*\*(.*?)\*\/\n/s.exec(text) ?? [];
      const words = about
        .replace(/^\s*\* ?/gm, "")
        .trim()
        .replace(/\busage: (.+?)$/m, "Usage: `$1`");
      return `## ${name}\n\n${words}\n\n\`\`\`ts\n${text.slice(comment.length).trim()}\n\`\`\`\n`;
    });
  const intro =
    "Whole programs that use the package. Each runs as it stands, on bundled images: `npx jiti examples/NAME.ts`.";
  return `# Examples\n\n${intro}\n\n${programs.join("\n")}`;
}

/** Makes the path that a link of a page names one from the root of the repository. */
const resolved = (page, target) => posix.normalize(posix.join(posix.dirname(page), target)).replace(/\/$/, "");

/**
 * Reads the pages of a repository: for each path its Markdown, whose links lead to pages and to files of `assets`.
 * Throws if a link leads to a file that does not exist, or no page links to a file of docs/.
 */
export function readPages(root) {
  const pages = new Map();
  const assets = new Set();
  const wrong = [];
  const visit = (path) => {
    pages.set(path, undefined);
    const text = path === examplesPage ? examplesMarkdown(root) : readFileSync(join(root, path), "utf8");
    const found = [];
    const mapped = mapLinks(text, (target, anchor) => {
      const to = resolved(path, target);
      const [, program] = /^examples(?:\/([^/]+\.ts))?$/.exec(to) ?? [];
      if (to === "examples" || program !== undefined) {
        if (program !== undefined && !existsSync(join(root, to))) wrong.push(`${path}: there is no ${to}`);
        found.push(examplesPage);
        const inside = program === undefined ? anchor : `#${anchorOf(program)}`;
        return `${posix.relative(posix.dirname(path), examplesPage)}${inside}`;
      }
      // A folder is shown by its README, as on GitHub.
      if (existsSync(join(root, to, "README.md"))) {
        found.push(`${to}/README.md`);
        return `${target.replace(/\/$/, "")}/README.md${anchor}`;
      }
      if (!existsSync(join(root, to)) || !statSync(join(root, to)).isFile())
        wrong.push(`${path}: there is no file ${to}`);
      else if (to.endsWith(".md")) found.push(to);
      else assets.add(to);
      return target + anchor;
    });
    pages.set(path, mapped);
    for (const to of found) if (!pages.has(to)) visit(to);
  };
  visit("README.md");
  for (const name of readdirSync(join(root, "docs"))) {
    if (name.endsWith(".md") && !pages.has(`docs/${name}`)) wrong.push(`docs/${name}: no page links to it`);
  }
  if (wrong.length > 0) throw new Error(`broken links in Markdown:\n${wrong.join("\n")}`);
  return { pages, assets };
}

/**
 * Writes the pages of a repository into a folder, as TypeDoc reads them: with a title and a group before the text, below
 * paths as in the repository. Returns the paths of the documents in the order of the sidebar, README apart.
 */
export function writePages(root, folder) {
  const { pages, assets } = readPages(root);
  const titleOf = (path) => /^# (.*)\n/.exec(pages.get(path))?.[1] ?? posix.basename(path, ".md");
  const studies = [...pages.keys()]
    .filter((path) => path.startsWith("docs/studies/") && !path.endsWith("/README.md"))
    .sort((a, b) => titleOf(a).localeCompare(titleOf(b), "en", { numeric: true }));
  for (const [path, markdown] of pages) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    const group = groups.find(([, has]) => has(path))?.[0];
    const children =
      path === "docs/studies/README.md" ? studies.map((one) => posix.relative(posix.dirname(path), one)) : undefined;
    const settings = Object.entries({ title: titleOf(path), group, children, address: addressOf(path) }).filter(
      ([, value]) => value !== undefined,
    );
    const matter = settings.map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("");
    // code without a language is output or text, which TypeDoc would colour as TypeScript
    const body = segments(path === "README.md" ? markdown.replace(/^# .*\n/, "") : markdown).map((part) =>
      part.replace(/^```\n/, "```text\n"),
    );
    writeFileSync(file, `${path === "README.md" ? "" : `---\n${matter}---\n\n`}${body.join("")}`);
  }
  for (const path of assets) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    copyFileSync(join(root, path), join(folder, path));
  }
  const group = (path) => groups.findIndex(([, has]) => has(path));
  const [, listed = ""] = pages.get("README.md").split("\n## Documentation\n");
  const place = (path) => (listed.includes(`](${path})`) ? listed.indexOf(`](${path})`) : Number.POSITIVE_INFINITY);
  const documents = [...pages.keys()].filter((path) => path !== "README.md" && !studies.includes(path));
  return documents.sort((a, b) => group(a) - group(b) || (place(a) < place(b) ? -1 : 1));
}
