/** The table of commands, in the order of the help. Loading it does not load the engine: a command imports its library when it runs. */
import type { Command } from "./command.js";
import compare from "./compare.js";
import convert from "./convert.js";
import corruptions from "./corruptions.js";
import data from "./data.js";
import dataFractals from "./data-fractals.js";
import dataWeakLabels from "./data-weak-labels.js";
import dedup from "./dedup.js";
import dedupAccuracy from "./dedup-accuracy.js";
import embed from "./embed.js";
import evaluate from "./evaluate.js";
import exportNetwork from "./export.js";
import fewshot from "./fewshot.js";
import finetune from "./finetune.js";
import fitImages from "./fit.js";
import imagenetSets from "./imagenet-sets.js";
import inspect from "./inspect.js";
import models from "./models.js";
import patchGrid from "./patch-grid.js";
import predict from "./predict.js";
import pseudoLabel from "./pseudo-label.js";
import quickstart from "./quickstart/index.js";
import settings from "./settings.js";
import speedBackbones from "./speed-backbones.js";
import speedDedup from "./speed-dedup.js";
import speedDistributed from "./speed-distributed.js";
import speedEngine from "./speed-engine.js";
import speedInference from "./speed-inference.js";
import speedRidge from "./speed-ridge.js";
import study from "./study.js";
import train from "./train.js";
import vtab from "./vtab.js";

export { type Command, command, type Example, type Io, type Outcome, UsageError } from "./command.js";
export { alternatives, bare, describeOptions, expectationOf, type OptionDescription, usageOf } from "./describe.js";

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  quickstart,
  fitImages,
  predict,
  evaluate,
  embed,
  fewshot,
  finetune,
  train,
  settings,
  pseudoLabel,
  data,
  dataFractals,
  dataWeakLabels,
  dedup,
  models,
  inspect,
  convert,
  exportNetwork,
  vtab,
  compare,
  corruptions,
  imagenetSets,
  patchGrid,
  dedupAccuracy,
  study,
  speedEngine,
  speedInference,
  speedBackbones,
  speedDistributed,
  speedRidge,
  speedDedup,
];

/** Old names of commands and the commands that replaced them. */
export const renamedCommands: Readonly<Record<string, readonly string[]>> = {
  "bench engine": ["speed engine"],
  "bench inference": ["speed inference"],
  "bench distributed": ["speed distributed"],
  "bench fewshot": ["speed ridge"],
  "bench dedup": ["speed dedup", "dedup-accuracy"],
  "bench backbones": ["compare"],
  bench: ["speed", "compare", "dedup-accuracy"],
  robustness: ["corruptions", "imagenet-sets", "patch-grid"],
  "inspect weights": ["inspect"],
};
