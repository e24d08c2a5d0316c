/**
 * Checks the arrangement of modules. A module is a folder of src/. Imports point down the layers, folders do not import each other in
 * circles, other modules are entered through an index.ts, heavy libraries are imported in one place, folders and files stay small.
 *
 * usage: node scripts/check-layers.mjs [root]      prints every offence with its rule, exits 1 when there is one
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";
import { filesBelow, runAsCommand } from "./check.mjs";

/**
 * The modules that each folder of src/ may import directly, which includes what those may import. Lowest first
 * (ARCHITECTURE.md, "Modules").
 */
const KNOWS = {
  text: [],
  random: [],
  files: ["text"],
  formats: ["files"],
  graph: ["formats", "random"],
  runtime: ["graph"],
  algebra: ["runtime"],
  nn: ["graph"],
  optim: ["graph"],
  models: ["nn"],
  images: ["text", "random"],
  data: ["images", "formats"],
  weights: ["models", "formats"],
  export: ["runtime", "weights", "images"],
  report: ["formats"],
  networks: ["export", "optim", "data", "algebra"],
  train: ["networks"],
  transfer: ["networks", "report"],
  dedup: ["networks", "report"],
  analysis: ["networks", "report"],
  benchmarks: ["train", "transfer", "dedup"],
  speed: ["train", "transfer", "dedup"],
  studies: ["benchmarks", "analysis", "speed"],
  library: ["studies"],
  commands: ["studies", "analysis", "benchmarks", "speed"],
  cli: ["commands"],
};

/** Libraries that only these folders of src/ may import, so that they can be replaced, omitted or run in a worker. */
const DOORS = [
  {
    library: /^(fovea-onnxruntime|onnxruntime-(common|node|web))(\/|$)/,
    folders: ["runtime"],
    why: "ONNX Runtime is reached through src/runtime",
  },
  {
    library: /^sharp(\/|$)/,
    folders: ["images"],
    why: "images are decoded through src/images (a report embeds bytes it is given)",
  },
  {
    library: /^h5wasm(\/|$)/,
    folders: ["formats"],
    why: "HDF5 files are read through src/formats/hdf5.ts",
  },
  {
    library: /^(koffi|@koromix\/koffi-[^/]+)(\/|$)/,
    folders: ["files"],
    why: "C libraries are called through loadKoffi of src/files/koffi.ts",
  },
];

/** Files of a module with an index.ts that others may import directly, with the reason. */
const PAST_INDEX = {
  "src/weights/embedded.ts": "help states the default backbone; the index would load the models",
  "src/runtime/devices.ts": "help lists the devices; the index would load the engine",
  "src/train/distributed/launcher.ts":
    "the command line asks for the launcher's variables; the index would load the engine",
};

/** Imports between folders that belong to a circle and cannot be removed yet: "FROM -> TO" and the reason. */
const CIRCLES = {};

/** Folders of similar files, one per item, which may contain any number of them. */
const TABLES = {
  "src/formats": "file formats",
  "src/graph/ops": "operations",
  "src/train/objectives": "objectives",
  "src/benchmarks/vtab/sets": "datasets",
  "src/commands": "commands",
  "src/studies/list": "studies",
};

/** Files that may contain `export *`, with the reason. */
const STARS = {};

/** Files that are the interface of a module: index.ts for other modules, public.ts for users of the package. */
const INTERFACES = ["index.ts", "public.ts"];

const MAX_LINES = 400;
const MAX_FILES = 16;
const FOLDERS = ["src", "tests", "recipes", "scripts"];

function reachable(folder) {
  const seen = new Set();
  const visit = (name) => {
    for (const below of KNOWS[name] ?? []) {
      if (!seen.has(below)) {
        seen.add(below);
        visit(below);
      }
    }
  };
  visit(folder);
  return seen;
}

/** TypeScript files except declaration files. */
const sourceFile = /(?<!\.d)\.(?:ts|tsx|mts|cts)$/;

const lineOf = (text, position) => text.slice(0, position).split("\n").length;
const isBelow = (path, folder) => path.startsWith(`${folder}/`);

/**
 * The shortest path from one folder to another along imports between folders: the folders in between and the last; or
 * undefined.
 */
function wayBetween(edges, from, to) {
  const before = new Map([[from, undefined]]);
  const queue = [from];
  for (const folder of queue) {
    for (const next of edges.get(folder)?.keys() ?? []) {
      if (next === to) {
        const way = [to];
        for (let at = folder; at !== undefined; at = before.get(at)) way.unshift(at);
        return way;
      }
      if (!before.has(next)) {
        before.set(next, folder);
        queue.push(next);
      }
    }
  }
  return undefined;
}

/**
 * One line for each circle of folders, with an import for every step of it. `imports` are { from, to, line } of files.
 */
function circlesOf(imports) {
  const edges = new Map();
  const exempt = new Set();
  for (const { from, to, line } of imports) {
    const [a, b] = [dirname(from), dirname(to)];
    // The re-exports of an interface from below are not dependencies of its folder.
    if (a === b || (INTERFACES.includes(basename(from)) && isBelow(to, a))) continue;
    const name = `${a} -> ${b}`;
    if (name in CIRCLES) {
      exempt.add(name);
      continue;
    }
    if (!edges.has(a)) edges.set(a, new Map());
    if (!edges.get(a).has(b)) edges.get(a).set(b, `${from}:${line}`);
  }
  const circles = [];
  for (const [a, targets] of edges) {
    for (const b of targets.keys()) {
      const back = wayBetween(edges, b, a);
      if (back) circles.push([a, ...back]);
    }
  }
  // Shortest circles first; a longer one that shares a step with one of them is removed with it, or reported
  // afterwards.
  const offences = [];
  const reported = new Set();
  for (const circle of circles.sort((one, other) => one.length - other.length)) {
    const steps = circle.slice(1).map((to, i) => ({ from: circle[i], to }));
    if (steps.some(({ from, to }) => reported.has(`${from} -> ${to}`))) continue;
    for (const { from, to } of steps) reported.add(`${from} -> ${to}`);
    const told = steps.map(({ from, to }) => `${edges.get(from).get(to)} imports ${to}`);
    offences.push(`circle of folders ${circle.join(" -> ")}: ${told.join(", ")}; move what both need below them`);
  }
  return { offences, exempt };
}

/** Checks one tree; returns one line of text for each offence. */
export function checkLayers(root) {
  const offences = [];
  const source = join(root, "src");
  const imports = [];
  const pastIndex = new Set();

  const checkImport = (file, text, { fileName: target, pos }) => {
    const line = lineOf(text, pos);
    const place = `${relative(root, file)}:${line}`;
    const offend = (rule) => offences.push(`${place}: import "${target}": ${rule}`);
    const [top, from] = relative(root, file).split(sep);

    if (top === "recipes") {
      if (target.startsWith(".") && relative(join(root, "recipes"), resolve(dirname(file), target)).startsWith("..")) {
        offend('recipes use the public API only; import from "fovea/..."');
      }
      return;
    }
    if (top !== "src") return;

    for (const door of DOORS) if (door.library.test(target) && !door.folders.includes(from)) offend(door.why);

    // A package that imports itself by name bypasses the layers (and fails before the first build).
    if (target === "fovea" || target.startsWith("fovea/")) return offend("inside src/ use a relative import");
    if (!target.startsWith(".")) return;
    const imported = resolve(dirname(file), target).replace(/\.js$/, ".ts");
    const inside = relative(source, imported).split(sep);
    if (inside[0] === "..") return offend("src/ imports nothing outside itself");
    const path = `src/${inside.join("/")}`;
    const importer = relative(root, file).split(sep).join("/");
    imports.push({ from: importer, to: path, line });
    const to = inside[0];
    if (to === from) {
      if (INTERFACES.includes(basename(path)) && (isBelow(importer, dirname(path)) || importer === path)) {
        offend(`a module does not import its own ${basename(path)}; import the file that has it`);
      }
      return;
    }
    if (!(to in KNOWS))
      return offend(`src/${to} is no known layer; add it to KNOWS in scripts/check-layers.mjs and to ARCHITECTURE.md`);
    const below = reachable(from);
    if (!below.has(to)) {
      offend(
        `src/${from} may import ${below.size === 0 ? "no other layer" : `only ${[...below].map((name) => `src/${name}`).join(", ")}`}, not src/${to}`,
      );
    }
    if (path in PAST_INDEX) pastIndex.add(path);
    else if (!INTERFACES.includes(basename(path)) && existsSync(join(source, to, "index.ts"))) {
      offend(`import src/${to}/index.ts, or the index.ts of a folder below it, which has what other modules may use`);
    }
  };

  for (const folder of FOLDERS) {
    if (!existsSync(join(root, folder))) continue;
    for (const file of filesBelow(join(root, folder), sourceFile)) {
      const text = readFileSync(file, "utf8");
      const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
      const path = relative(root, file).split(sep).join("/");
      if (lines > MAX_LINES)
        offences.push(`${path}: ${lines} lines; a file has at most ${MAX_LINES}, split it by what it is for`);
      if (folder === "src") {
        const from = path.split("/")[1];
        if (!statSync(join(source, from)).isDirectory()) {
          offences.push(`${path}: every source file belongs to a layer; move it into a folder of src/`);
          continue;
        }
        if (!(from in KNOWS)) {
          offences.push(
            `${path}: src/${from} is no known layer; add it to KNOWS in scripts/check-layers.mjs and to ARCHITECTURE.md`,
          );
          continue;
        }
        if (/^export \*/m.test(text) && !(path in STARS)) {
          offences.push(`${path}: "export *" hides what a module offers; name what it exports`);
        }
      }
      // preProcessFile finds static, dynamic, type-only and re-exporting imports, but none in comments or strings.
      for (const found of ts.preProcessFile(text, true, true).importedFiles) checkImport(file, text, found);
    }
  }

  if (existsSync(source)) {
    const counts = new Map();
    for (const file of filesBelow(source, sourceFile)) {
      if (basename(file) === "public.ts") continue;
      const folder = relative(root, dirname(file)).split(sep).join("/");
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
    for (const [folder, count] of counts) {
      if (count > MAX_FILES && !(folder in TABLES)) {
        offences.push(`${folder}: ${count} files; a folder has at most ${MAX_FILES}, divide it by what the files hold`);
      }
    }
  }
  const circles = circlesOf(imports);
  for (const offence of circles.offences) offences.push(offence);
  // An unnecessary exception would let the next offence pass. Only the repository itself is checked for that.
  if (existsSync(join(root, "scripts", "check-layers.mjs"))) {
    const unused = [
      ...Object.keys(CIRCLES).filter((name) => !circles.exempt.has(name)),
      ...Object.keys(PAST_INDEX).filter((path) => !pastIndex.has(path)),
      ...Object.keys(STARS).filter((path) => !existsSync(join(root, path))),
    ];
    for (const name of unused)
      offences.push(`scripts/check-layers.mjs: the exception "${name}" is not needed any more`);
  }
  return offences;
}

runAsCommand(import.meta.url, (root) => checkLayers(root));
