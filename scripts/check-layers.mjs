/**
 * Checks the shape of the house: imports only point down the layers, heavy libraries stay behind their one door, files stay short.
 *
 * usage: node scripts/check-layers.mjs [root]      prints every offence with its rule, exits 1 when there is one
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** What each folder of src/ may know directly; what those know comes with them. Lowest first (ARCHITECTURE.md, "Layers"). */
const KNOWS = {
  text: [],
  random: [],
  files: ["text"],
  formats: ["files"],
  graph: ["formats"],
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
  train: ["export", "optim", "data", "algebra"],
  transfer: ["train", "report"],
  dedup: ["data", "runtime", "report"],
  benchmarks: ["transfer", "dedup"],
  speed: ["transfer", "dedup"],
  analysis: ["models", "runtime", "report"],
  studies: ["train", "transfer", "benchmarks", "dedup", "analysis"],
  studio: ["studies"],
  commands: ["studies", "speed"],
  cli: ["studio", "studies", "speed", "commands"],
};

/** Libraries that only these folders of src/ may import, so that they can be replaced, left out or run in a worker. */
const DOORS = [
  {
    library: /^onnxruntime-(common|node|web)(\/|$)/,
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
    library: /^koffi(\/|$)/,
    folders: ["train", "files", "runtime"],
    why: "MPI is called through src/train/distributed, the system through src/files/exchange.ts, ONNX Runtime's C interface through src/runtime/direct.ts",
  },
];

const MAX_LINES = 450;
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

function* sourceFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== "node_modules" && entry.name !== "dist") yield* sourceFiles(path);
    } else if (/\.(ts|tsx|mts|cts)$/.test(entry.name) && !entry.name.endsWith(".d.ts")) {
      yield path;
    }
  }
}

const lineOf = (text, position) => text.slice(0, position).split("\n").length;

/** Checks one tree; returns one readable line for each offence. */
export function checkLayers(root) {
  const offences = [];
  const source = join(root, "src");

  const checkImport = (file, text, { fileName: target, pos }) => {
    const place = `${relative(root, file)}:${lineOf(text, pos)}`;
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

    // A package importing itself by name goes around the layers (and, before the first build, to nowhere).
    if (target === "fovea" || target.startsWith("fovea/")) return offend("inside src/ use a relative import");
    if (!target.startsWith(".")) return;
    const inside = relative(source, resolve(dirname(file), target)).split(sep);
    if (inside[0] === "..") return offend("src/ imports nothing outside itself");
    const to = inside[0];
    if (to === from) return;
    if (!(to in KNOWS))
      return offend(`src/${to} is no known layer; add it to KNOWS in scripts/check-layers.mjs and to ARCHITECTURE.md`);
    const below = reachable(from);
    if (!below.has(to)) {
      offend(
        `src/${from} may import ${below.size === 0 ? "no other layer" : `only ${[...below].map((name) => `src/${name}`).join(", ")}`}, not src/${to}`,
      );
    }
  };

  for (const folder of FOLDERS) {
    if (!existsSync(join(root, folder))) continue;
    for (const file of sourceFiles(join(root, folder))) {
      const text = readFileSync(file, "utf8");
      const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
      const path = relative(root, file);
      if (lines > MAX_LINES)
        offences.push(`${path}: ${lines} lines; a file has at most ${MAX_LINES}, split it by what it is for`);
      if (folder === "src") {
        const from = path.split(sep)[1];
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
      }
      // preProcessFile finds static, dynamic, type-only and re-exporting imports, and none in comments or strings.
      for (const found of ts.preProcessFile(text, true, true).importedFiles) checkImport(file, text, found);
    }
  }
  return offences;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), ".."));
  const offences = checkLayers(root);
  for (const offence of offences) console.error(offence);
  if (offences.length > 0) {
    console.error(`check-layers: ${offences.length} offence${offences.length === 1 ? "" : "s"}`);
    process.exit(1);
  }
}
