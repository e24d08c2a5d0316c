/** Opens a network by its spec, with a table of all kinds of networks. */
import { existsSync } from "node:fs";
import { splitSpec, withoutShortName } from "../../weights/index.js";
import type { Network, OpenOptions } from "../forward/network.js";
import { isClassifierFolder } from "../heads/classifier-folder.js";
import { isRunPath, randomPrefix, requireInitialisable } from "../stored/read.js";
import { openFitted } from "./fitted.js";
import { openHub } from "./hub.js";
import { openOnnx } from "./onnx.js";
import { openPixels } from "./pixels.js";
import { openTrained } from "./trained.js";

export interface NetworkKind {
  /** The form of its spec, for help and error messages. */
  readonly form: string;
  readonly summary: string;
  matches(spec: string): boolean;
  open(spec: string, options: OpenOptions): Promise<Network>;
}

/** Every kind of network. A spec is compared with them in this order, and the first match opens it. */
export const networkKinds = {
  pixels: {
    form: "pixels:SIDE",
    summary: "the pixels of the image at SIDE x SIDE, the baseline for learned features",
    matches: (spec) => /^pixels:/.test(spec) && !existsSync(spec),
    open: openPixels,
  },
  random: {
    form: "random:NETWORK",
    summary:
      "a run or weights before training, or a published model by its name (random:R50x1), initialised with seed 0; not for ONNX files and pixels",
    matches: (spec) => spec.startsWith(randomPrefix),
    open: async (spec, options) => {
      requireInitialisable(spec);
      return await openTrained(spec, options);
    },
  },
  fitted: {
    form: "models/NAME",
    summary: "the folder of a classifier that `fovea fit` wrote",
    matches: isClassifierFolder,
    open: (spec, options) => openFitted(spec, options, open),
  },
  onnx: {
    form: "FILE.onnx",
    summary:
      "an ONNX file; options after ?: size=HEIGHT,WIDTH, range=LOW,HIGH or mean=R,G,B and std=R,G,B, output=NAME, token=cls|mean|all|N, pool=mean|max|all",
    matches: (spec) => splitSpec(spec).name.endsWith(".onnx"),
    open: openOnnx,
  },
  run: {
    form: "runs/NAME",
    summary: "the folder of a training run, or one of its checkpoints; ?size=HEIGHT,WIDTH",
    matches: isRunPath,
    open: openTrained,
  },
  hub: {
    form: "hf:OWNER/NAME[@REVISION]",
    summary:
      "a model of the Hugging Face hub: its weights, or its ONNX file (always with ?dtype=fp32|fp16|int8|...); options of both after ?",
    matches: (spec) => spec.startsWith("hf:") && !existsSync(splitSpec(spec).name),
    open: openHub,
  },
  weights: {
    form: "FILE, FOLDER, embedded:NAME or augreg:NAME",
    summary: "published weights; options after ?: size=HEIGHT,WIDTH, heads=N, layerNormEpsilon=E",
    matches: () => true,
    open: openTrained,
  },
} as const satisfies Record<string, NetworkKind>;

/** The name of the kind that opens a spec. */
export function networkKind(spec: string): keyof typeof networkKinds {
  const [name] = Object.entries(networkKinds).find(([, kind]) => kind.matches(spec)) ?? ["weights"];
  return name as keyof typeof networkKinds;
}

/**
 * Opens a network for its features or, with `output: "logits"`, for its logits. `spec` is one of
 *
 * - the folder of a run, whose best-scored checkpoint is used (the newest if none is scored), or one of its
 *   checkpoints;
 * - the short name of a backbone of the hub (`dinov2-small`, see `hubBackbones`);
 * - a model of the hub, `hf:OWNER/NAME`: its weights, or its ONNX file where their layout is not known or `?dtype=fp16` asks for it;
 * - published weights: a file, a folder, `embedded:NAME`, `augreg:NAME`, with settings that the files
 *   do not state (`?heads=4&layerNormEpsilon=1e-5`) and another image size (`?size=96`);
 * - the folder that `fovea fit` wrote;
 * - an ONNX file that takes images [N, 3, H, W] or [N, H, W, 3]; `?size=128` if its size is dynamic, `?range=0,1` or `?mean=..&std=..` for its
 *   values (default: what the file or the preprocessor_config.json beside it states), `?output=NAME`, `?token=cls` and `?pool=mean` for outputs that
 *   are no rows;
 * - `pixels:16`: the pixels of the image at 16 x 16, 768 numbers;
 * - `random:NETWORK`: a run, published weights or a published model (`random:R50x1`) before training.
 *
 * Throws CheckpointError, WeightsError or OnnxFileError for damaged files and missing outputs, and an Error with the
 * nearest existing path if there is no such file.
 *
 * @example await using network = await open("embedded:bit"); const { features, labels } = await imageFeatures(network,
 * await openSource("embedded:clothing"));
 */
export function open(spec: string, options: OpenOptions = {}): Promise<Network> {
  const full = withoutShortName(spec);
  return networkKinds[networkKind(full)].open(full, options);
}
