/** The public names: every subpath exports what is listed here, a name means one thing, and documents import only what exists. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Values and types of each subpath. To add a name to the public interface, add it to an entry file and here. */
const listed: Readonly<Record<string, { readonly values: string; readonly types: string }>> = {
  fovea: {
    values: `
      analyse compare convert corruptions dedup defineRecipe describe embed evaluate exportNetwork fewshot
      finetune fit images inspect loadWeights open predict pseudoLabel saveWeights study train vtab
    `,
    types: `
      AnalyseOptions Classifier Comparison Embeddings FewShotMeasurement Guess ImageEvaluation ImageInput
      ImagePixels ImageSource NetworkAnalysis OpenNetwork OpenOptions Predictions Recipe RecipeInput
      StudyReport TrainResult VtabReport
    `,
  },
  "fovea/graph": {
    values: `
      ShapeError absolute add and argMax averagePool2d bernoulli cast clamp concat constant convolution2d
      convolutionTranspose2d cos costOf cumsum defineOperation depthwiseConvolution2d divide einsum elementCount equal exp expand
      floor gather gelu grad greater input less log logSoftmax matmul maxPool2d maximum minimum multiply
      negate not oneHot or pad power randomUniform reduceMax reduceMean reduceMin reduceSum relu reshape
      resizeBilinear reverse round scalar scale scaledDotProductAttention scatter sigmoid sign sin slice
      softmax softplus split sqrt stopGradient substituted subtract sumTo tanh topK transpose where writeOnnx
    `,
    types: `
      ArraysOf DType DefinedOperation Emitter NumericArray Shape Tensor
    `,
  },
  "fovea/nn": {
    values: `
      Scope convolution dense dropout groupNormLayer initialValue layerNorm learned2d lecunNormal losses
      mlpBlock multiHeadAttention normal ones sincos2dTensor smoothTargets squeezeExcitation
      standardisedConvolution stochasticDepth targetsOf toNCHW truncatedNormal xavierUniform zeros
    `,
    types: `
      Initializer Parameter
    `,
  },
  "fovea/models": {
    values: `
      defineModel model modelConfig publishedModels
    `,
    types: `
      CustomModel ModelConfig ModelDefinition ModelOutput ModelSettings
    `,
  },
  "fovea/optim": {
    values: `
      addDecayedWeights addL2Penalty applyOptimizer chain clipByGlobalNorm createOptimizer createSchedule
      defineOptimizer defineSchedule freeze scaleByAdafactor scaleByAdam scaleBySchedule trace
    `,
    types: `
      CustomOptimizer CustomSchedule OptimizerConfig OptimizerDefinition Schedule ScheduleDefinition
      Transformation
    `,
  },
  "fovea/runtime": {
    values: `
      DeviceError compile compute devices
    `,
    types: `
      CompileOptions Device Feeds Program ProgramSource Results
    `,
  },
  "fovea/data": {
    values: `
      ExampleError concatenate createLoader definePreprocessing defineSource holdOut preprocessImage
      preprocessing readImage select subsetOfClasses take
    `,
    types: `
      Batch CustomImages EncodedImage Example ImageInput ImagePixels ImageSource Loader LoaderOptions
      PixelImage PreprocessingDefinition RawImage SourceDefinition
    `,
  },
  "fovea/train": {
    values: `
      CheckpointError RecipeError TrainError augregRecipe augregRecommended classification defineObjective
      defineRecipe dryRun loadCheckpoint loadRecipe readMetrics saveCheckpoint train trainStep
    `,
    types: `
      Checkpoint CustomObjective Objective ObjectiveContext ObjectiveDefinition Recipe RecipeInput
      TrainOptions TrainResult TrainStep TrainStepOptions
    `,
  },
  "fovea/analysis": {
    values: `
      attentionRollout headDistance linearCka openSubject principalComponents project
    `,
    types: `
      Subject
    `,
  },
  "fovea/report": {
    values: `
      barChart chartFigure dotChart heading heatMap htmlReport lineChart paragraph table
    `,
    types: `
      Section
    `,
  },
};

/** The most names, values and types of all subpaths together. */
const most = 250;

const words = (text: string) => text.split(/\s+/).filter((word) => word !== "");

interface Exported {
  readonly name: string;
  readonly isValue: boolean;
  readonly symbol: ts.Symbol;
}

/** Before the path of what bundlers for browsers take instead. */
const browser = "browser:fovea";

/** What each subpath of package.json exports, by the compiler; types that are exported are told from values. */
function exportedNames(): { all: ReadonlyMap<string, readonly Exported[]>; checker: ts.TypeChecker } {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { types: string; browser?: { types: string } }>;
  };
  const files = new Map<string, string>();
  for (const [path, target] of Object.entries(manifest.exports)) {
    if (typeof target === "string") continue;
    const add = (name: string, types: string) =>
      files.set(name, join(root, types.replace(/^\.\/dist\/(.*)\.d\.ts$/, "src/$1.ts")));
    add(path.replace(/^\./, "fovea"), target.types);
    if (target.browser) add(path.replace(/^\./, browser), target.browser.types);
  }
  const options = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config.compilerOptions as object;
  const parsed = ts.convertCompilerOptionsFromJson(options, root).options;
  const program = ts.createProgram([...files.values()], parsed);
  const checker = program.getTypeChecker();
  const found = new Map<string, readonly Exported[]>();
  for (const [path, file] of files) {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${file} exports nothing`);
    const names = checker.getExportsOfModule(module).map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return { name: symbol.name, isValue: (target.flags & ts.SymbolFlags.Value) !== 0, symbol: target };
    });
    found.set(path, names);
  }
  return { all: found, checker };
}

const { all, checker } = exportedNames();
const exported = new Map([...all].filter(([path]) => !path.startsWith(browser)));

test("each subpath exports what is listed", () => {
  const found = Object.fromEntries(
    [...exported].map(([path, names]) => {
      const sorted = (isValue: boolean) =>
        names
          .filter((one) => one.isValue === isValue)
          .map(({ name }) => name)
          .sort();
      return [path, { values: sorted(true), types: sorted(false) }];
    }),
  );
  const expected = Object.fromEntries(
    Object.entries(listed).map(([path, { values, types }]) => [path, { values: words(values), types: words(types) }]),
  );
  expect(found).toEqual(expected);
});

/** Names of `fovea/train` that a browser has too: recipes and checkpoints are files. */
const trainInBrowser = words("TrainStep TrainStepOptions trainStep");

test("the forms for browsers have the same names, except what needs files", () => {
  const sorted = (names: readonly Exported[] | undefined) => names?.map(({ name, isValue }) => [name, isValue]).sort();
  const onNode = (path: string) => exported.get(path);
  const forms = [...all].filter(([path]) => path.startsWith(browser));
  expect(Object.fromEntries(forms.map(([path, names]) => [path.replace(browser, "fovea"), sorted(names)]))).toEqual({
    "fovea/runtime": sorted(onNode("fovea/runtime")),
    "fovea/train": sorted(onNode("fovea/train")?.filter(({ name }) => trainInBrowser.includes(name))),
  });
});

test(`there are at most ${most} names`, () => {
  expect(new Set([...exported.values()].flat().map(({ name }) => name)).size).toBeLessThanOrEqual(most);
});

test("a name means one thing in all subpaths, and a thing has one name", () => {
  const meanings = new Map<string, ts.Symbol>();
  const names = new Map<ts.Symbol, string>();
  for (const [path, all] of exported) {
    for (const { name, symbol } of all) {
      expect(meanings.get(name) ?? symbol, `${name} of ${path}`).toBe(symbol);
      expect(names.get(symbol) ?? name, `${name} of ${path}`).toBe(name);
      meanings.set(name, symbol);
      names.set(symbol, name);
    }
  }
});

test("what is closed by close is closed by await using", () => {
  const owned: string[] = [];
  const has = (type: ts.Type, prefix: string) =>
    checker
      .getPropertiesOfType(type)
      .some(({ name, flags }) => name.startsWith(prefix) && !(flags & ts.SymbolFlags.Optional));
  for (const [path, names] of exported) {
    for (const { name, isValue, symbol } of names) {
      const types = isValue
        ? checker
            .getTypeOfSymbol(symbol)
            .getCallSignatures()
            .map((signature) => signature.getReturnType())
        : [checker.getDeclaredTypeOfSymbol(symbol)];
      for (const type of types) {
        const one = checker.getAwaitedType(type) ?? type;
        if (checker.getPropertyOfType(one, "close") === undefined || !has(one, "close")) continue;
        owned.push(name);
        expect(has(one, "__@asyncDispose"), `${name} of ${path}`).toBe(true);
      }
    }
  }
  expect(owned).toEqual(
    expect.arrayContaining([
      "open",
      "images",
      "fit",
      "createLoader",
      "compile",
      "trainStep",
      "openSubject",
      "ImageSource",
    ]),
  );
});

test("documents, examples and recipes import what exists", () => {
  const texts = ["README.md", "docs", "examples", "recipes"].flatMap((path) =>
    path.endsWith(".md")
      ? [path]
      : readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
          .filter((name) => /\.(md|ts)$/.test(name))
          .map((name) => join(path, name)),
  );
  const unknown: string[] = [];
  let count = 0;
  for (const file of texts) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, names = "", path = ""] of text.matchAll(
      /import (?:type )?\{([^}]*)\} from "(fovea(?:\/[\w/-]+)?)"/g,
    )) {
      count++;
      const known = new Set(exported.get(path)?.map(({ name }) => name));
      for (const item of names.split(",")) {
        const name = item
          .trim()
          .replace(/^type /, "")
          .replace(/ as .*/, "");
        if (name !== "" && !known.has(name)) unknown.push(`${file}: ${name} of ${path}`);
      }
    }
  }
  expect(unknown).toEqual([]);
  expect(count).toBeGreaterThan(50);
});
