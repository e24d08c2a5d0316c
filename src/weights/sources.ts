/**
 * Finds the weights with a name: a file, a folder, a backbone of the package, a model of the hub, a published AugReg
 * checkpoint.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { WeightsError } from "../formats/error.js";
import type { TensorFile } from "../formats/stored.js";
import { didYouMean } from "../text/nearest.js";
import { type Description, describeFolder, isModelConfig, readJson } from "./descriptions/metadata.js";
import { embeddedFolder, embeddedPrefix } from "./embedded.js";
import { fetchAugReg, fetchHubModel, type HubOptions, parseHubName } from "./hub.js";
import { findAugReg } from "./published-augreg.js";
import { openShards, openTensorFile } from "./tensor-files.js";

/** Opened weights, and the descriptions beside them. */
export interface OpenSource {
  readonly file: TensorFile;
  readonly description: Description;
}

const nothing: Description = { metadata: {}, hints: {}, notes: [] };
const isThere = async (path: string) =>
  await stat(path).then(
    (found) => found,
    () => undefined,
  );

const describeIn = async (folder: string): Promise<Description> =>
  describeFolder(await readJson(join(folder, "config.json")), await readJson(join(folder, "preprocessor_config.json")));

/** The weights of a folder: `model.safetensors`, its index, or the only file of weights in it. Throws WeightsError. */
async function openFolder(folder: string): Promise<TensorFile> {
  const names = await readdir(folder);
  const named = names.find((name) => name === "model.safetensors");
  if (named) return await openTensorFile(join(folder, named));
  const index = names.find((name) => name === "model.safetensors.index.json");
  if (index) return await openShards(folder, index);
  const weights = names.filter((name) => /\.(safetensors|npz)$/.test(name) && !name.startsWith("."));
  if (weights.length === 1) return await openTensorFile(join(folder, weights[0]!));
  const pickles = names.filter((name) => /\.(bin|pth?|ckpt|h5|msgpack)$/.test(name));
  const what =
    weights.length > 1
      ? `${weights.length} files of weights (${weights.join(", ")}); name one of them`
      : `no .safetensors or .npz file${pickles.length > 0 ? `, only ${pickles.join(", ")}, which are not supported: convert them to safetensors` : ""}`;
  throw new WeightsError(`${folder} holds ${what}`);
}

/** The known metadata of a published AugReg checkpoint, by the name of its file. */
function describeAugReg(path: string): Description {
  const published = findAugReg(basename(path).replace(/\.npz$/, ""));
  return published ? { metadata: published.metadata, hints: {}, notes: [] } : nothing;
}

/**
 * Opens the weights with a name (see `loadWeights`). The caller closes the file. Throws WeightsError when there is
 * nothing with that name, it cannot be downloaded, or it is damaged.
 */
export async function openSource(name: string, options: HubOptions): Promise<OpenSource> {
  if (name.startsWith(embeddedPrefix)) {
    const folder = embeddedFolder(name.slice(embeddedPrefix.length));
    return { file: await openFolder(folder), description: nothing };
  }
  if (name.startsWith("augreg:")) {
    const path = await fetchAugReg(name.slice("augreg:".length), options);
    return { file: await openTensorFile(path), description: describeAugReg(path) };
  }
  if (!name.startsWith("hf:")) {
    const found = await isThere(name);
    if (found?.isDirectory()) {
      const [classifier, weights] = [join(name, "classifier.json"), join(name, "model.safetensors")];
      if ((await isThere(classifier)) && !(await isThere(weights))) throw new WeightsError(isClassifier(name));
      const description = await describeIn(name);
      return { file: await openFolder(name), description };
    }
    if (found?.isFile()) {
      const description = name.endsWith(".npz") ? describeAugReg(name) : await describeBeside(name);
      return { file: await openTensorFile(name), description };
    }
    if (found) throw new WeightsError(`${name} is neither a file nor a folder`);
  }
  const hub = parseHubName(name);
  if (!hub) throw new WeightsError(`${name}: ${await whatIsMissing(name)}`);
  const folder = await fetchHubModel(hub, options);
  const description = await describeIn(folder);
  const metadata = { source: `hf:${hub.repository}`, ...description.metadata };
  return { file: await openFolder(folder), description: { ...description, metadata } };
}

/** Whether a name refers to weights of the package, the hub or the AugReg bucket, rather than to a path. */
export const isWeightsName = (name: string): boolean => /^(embedded|hf|augreg):/.test(name);

/**
 * Reads the descriptions beside weights. A config.json describes `model.safetensors` and its parts, and the only file
 * of weights in its folder if it is Hugging Face's or timm's by its contents; any other is ignored.
 */
async function describeBeside(path: string): Promise<Description> {
  const folder = dirname(path);
  if (/^model(-\d+-of-\d+)?\.safetensors$/.test(basename(path))) return await describeIn(folder);
  const weights = (await readdir(folder)).filter((name) => name.endsWith(".safetensors"));
  if (weights.length !== 1) return nothing;
  const config = await readJson(join(folder, "config.json"));
  return config && isModelConfig(config) ? await describeIn(folder) : nothing;
}

const isClassifier = (folder: string): string =>
  `${folder} is a classifier that fovea fit wrote, without the weights of a network; use ${join(folder, "onnx", "model.onnx")} as its ONNX file, or open the folder with fovea predict or fovea evaluate`;

/** Two names with a slash between them, as on the hub. */
const likeHubName = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/;

async function whatIsMissing(name: string): Promise<string> {
  const beside = await readdir(dirname(name)).catch(() => []);
  const meant = didYouMean(basename(name), beside);
  const hub = likeHubName.test(name) ? ` (a model of the hub is named hf:${name})` : "";
  return `there is no such file or folder${meant || ";"} give a .safetensors or .npz file, a folder with model.safetensors, embedded:NAME, hf:OWNER/NAME, or augreg:NAME${hub}`;
}
