/**
 * Builds the documentation as a static site: README, the pages that it links to, the examples, and the reference of the
 * public interface, which follows `exports` of package.json. Fails if a comment or a page has a broken link, or a public
 * name has no comment.
 *
 * usage: node scripts/build-docs.mjs [FOLDER]      default: site/
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Application, Comment, Converter, JSX, KindRouter, LogLevel, PageEvent, ReflectionKind } from "typedoc";
import { brokenLinks } from "./docs/links.mjs";
import { groupNames, writePages } from "./docs/pages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The source file of an entry of `exports`, by the declaration file that it names. */
const sourceOf = (entry) => join(root, entry.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts"));

/** The name that programs import, by the source file of each entry; an entry may have another file for browsers. */
function readEntries() {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const modules = Object.entries(exports).filter(([, entry]) => typeof entry !== "string");
  return new Map(
    modules.flatMap(([path, entry]) => {
      const name = path.replace(/^\./, "fovea");
      const browser = entry.browser === undefined ? [] : [[sourceOf(entry.browser), `${name} (browser)`]];
      return [[sourceOf(entry), name], ...browser];
    }),
  );
}

/** Opens two groups of the sidebar for a reader who has not opened or closed them before. */
const opened = ["Guides", "Modules"].map((group) => `localStorage["tsd-accordion-${group}"] ??= "true";`).join("");

const internalModule = "referenced types";

const text = (value) => new Comment([{ kind: "text", text: value }]);

/** Calls a module by the name that programs import, and describes it by the first comment of its file. */
function nameModules(app, entries) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    if (reflection.name === internalModule) {
      reflection.comment = text("Types that signatures of the module refer to. They cannot be imported by name.");
    }
    const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile();
    const name = file && entries.get(resolve(file.fileName));
    if (name === undefined) return;
    reflection.name = name;
    const [, about] = /^\/\*\*(.*?)\*\//s.exec(file.text) ?? [];
    if (about !== undefined) reflection.comment = text(about.replace(/^\s*\* ?/gm, "").trim());
  });
}

/** The public names without a comment. */
const undocumented = (project) =>
  (project.children ?? []).flatMap((module) =>
    (module.children ?? [])
      .filter((one) => !one.kindOf(ReflectionKind.Module | ReflectionKind.Reference))
      .filter((one) => !(one.hasComment() || one.signatures?.every((signature) => signature.hasComment())))
      .map((one) => `${module.name}: ${one.name} has no comment`),
  );

/** Gives documents the address that they state, and other pages that of TypeDoc. */
class Router extends KindRouter {
  getIdealBaseName(reflection) {
    return reflection.frontmatter?.address ?? super.getIdealBaseName(reflection);
  }
}

/** Builds the site into a folder; returns what is wrong with it. */
export async function buildDocs(folder) {
  const staging = mkdtempSync(join(tmpdir(), "fovea-docs-"));
  try {
    const documents = writePages(root, staging);
    const entries = readEntries();
    const app = await Application.bootstrapWithPlugins({
      plugin: ["typedoc-plugin-missing-exports"],
      logLevel: LogLevel.Warn,
      name: "Fovea",
      entryPoints: [...entries.keys()],
      tsconfig: join(root, "tsconfig.build.json"),
      skipErrorChecking: true,
      basePath: root,
      displayBasePath: root,
      readme: join(staging, "README.md"),
      projectDocuments: documents.map((path) => join(staging, path)),
      out: folder,
      cleanOutputDir: true,
      hideGenerator: true,
      includeVersion: true,
      disableSources: true,
      groupOrder: [...groupNames, "Functions", "Classes", "Interfaces", "Type Aliases", "Variables", "Modules", "*"],
      navigation: { includeGroups: true },
      searchInDocuments: true,
      internalModule,
      excludeExternals: true,
      router: "fovea",
      customCss: join(root, "scripts/docs/site.css"),
    });
    app.renderer.defineRouter("fovea", Router);
    nameModules(app, entries);
    app.renderer.hooks.on("body.begin", () =>
      JSX.createElement("script", null, JSX.createElement(JSX.Raw, { html: opened })),
    );
    // TypeDoc links to a section of the front page by its folder, which works on a server but not in a file browser.
    app.renderer.on(PageEvent.END, (page) => {
      page.contents = page.contents?.replace(/href="((?:\.\.\/)+|\.\/)#/g, 'href="$1index.html#');
    });
    const project = await app.convert();
    if (project === undefined) return ["TypeDoc could not read the sources"];
    app.validate(project);
    await app.generateOutputs(project);
    const warnings = app.logger.warningCount + app.logger.errorCount;
    const warned = warnings > 0 ? [`TypeDoc printed ${warnings} warnings`] : [];
    return [...warned, ...undocumented(project), ...brokenLinks(folder)];
  } finally {
    rmSync(staging, { recursive: true });
  }
}

if (process.argv[1] && pathToFileURL(resolve(process.argv[1])).href === import.meta.url) {
  const folder = resolve(process.argv[2] ?? join(root, "site"));
  const wrong = await buildDocs(folder);
  for (const one of wrong) console.error(one);
  if (wrong.length > 0) process.exit(1);
  console.log(`${relative(process.cwd(), join(folder, "index.html"))}`);
}
