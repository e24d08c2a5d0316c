/** Opens what names classes of images: the folder of a classifier, or an ONNX file with logits. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Closable, closable } from "../../files/closable.js";
import { requirePath } from "../../files/paths.js";
import { type Device, OnnxFileError, readOnnxFile } from "../../runtime/index.js";
import type { RowsOfImages } from "../../train/index.js";
import { openBackbone } from "../backbone/backbone.js";
import { loadHead } from "../heads/files.js";
import { classifierPorts } from "../heads/onnx.js";
import { headScores } from "../heads/scores.js";
import { headFile, isClassifierFolder, modelFile, readClassifier } from "./folder.js";

export interface ClassifierOptions {
  readonly device?: Device;
  readonly threads?: number;
  /** Images in a run; 32 when left out. */
  readonly batchSize?: number;
  readonly note?: (text: string) => void;
}

/** A classifier that is open. */
export interface Classifier extends Closable {
  readonly path: string;
  /** In the order of the logits; undefined where nothing names them. */
  readonly classNames: readonly string[] | undefined;
  /** Numbers in a row of logits. */
  readonly classes: number;
  readonly imageShape: readonly [number, number, number];
  readonly preprocessing: string;
  readonly batchSize: number;
  /** Images [batchSize, H, W, C] to logits [batchSize, classes], whose softmax is the probabilities. */
  readonly logits: RowsOfImages;
  /** What is known of it beside that, for JSON documents. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Is this a path that `openClassifier` opens? */
export const isClassifierPath = (path: string): boolean =>
  isClassifierFolder(path) || (/\.onnx(\?|$)/.test(path) && !(existsSync(path) && statSync(path).isDirectory()));

/**
 * Opens a classifier: the folder that `fovea fit` wrote (its ONNX file, or where that was taken away its head on the backbone
 * it names), or any ONNX file that gives logits (with options as `openBackbone` takes them).
 *
 * Throws OnnxFileError for a file that cannot name classes, an Error for a damaged folder, or a backbone that has changed.
 */
export async function openClassifier(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
  if (!isClassifierFolder(path)) return await openFile(path, options);
  const described = await readClassifier(path);
  const { classNames, preprocessing, method, expected } = described;
  const details = { method, expected, backbone: described.backbone };
  const model = join(path, modelFile);
  if (existsSync(model)) {
    const opened = await openFile(model, options);
    return { ...opened, path, classNames, preprocessing, details };
  }
  const head = await loadHead(join(path, headFile));
  const { spec, imageShape, identity } = described.backbone;
  options.note?.(`${path} has no ${modelFile}; using its head on ${spec}`);
  const backbone = await openBackbone(spec, { ...options, imageSize: [imageShape[0], imageShape[1]] });
  try {
    if ((await backbone.identity()) !== identity) {
      throw new Error(
        `${path} was fitted on ${spec} as it was then; it has changed since. Fit again, or bring it back`,
      );
    }
  } catch (error) {
    await backbone.close();
    throw error;
  }
  return closable<Classifier>({
    path,
    classNames,
    classes: head.classes,
    imageShape: backbone.imageShape,
    preprocessing,
    batchSize: backbone.batchSize,
    logits: async (feeds) => {
      const data = await backbone.represent(feeds);
      const scores = await headScores(head, { data, rows: backbone.batchSize, columns: head.width });
      return Float32Array.from(scores.data);
    },
    details,
    close: () => backbone.close(),
  });
}

async function openFile(path: string, options: ClassifierOptions): Promise<Classifier> {
  const file = path.replace(/\?.*$/s, "");
  const found = existsSync(path) ? path : file;
  requirePath(found);
  const { outputs, metadata } = await readOnnxFile(found);
  const named =
    outputs.find(({ name }) => name === classifierPorts.output) ?? (outputs.length === 1 ? outputs[0] : undefined);
  const chosen = /[?&]output=/.test(path) && found !== path;
  if (!named && !chosen) {
    throw new OnnxFileError(
      `${found} cannot name classes: it has the outputs ${outputs.map(({ name }) => name).join(", ")}; needed is one named logits, or one only (or say which: ${found}?output=NAME)`,
    );
  }
  const spec = chosen ? path : `${path}${found === path ? "?" : "&"}output=${named!.name}`;
  const network = await openBackbone(spec, options);
  return closable<Classifier>({
    path,
    classNames: classNamesOf(metadata["classNames"], network.width),
    classes: network.width,
    imageShape: network.imageShape,
    preprocessing: network.preprocessing,
    batchSize: network.batchSize,
    logits: network.represent,
    details: { ...network.details },
    close: () => network.close(),
  });
}

/** The names in a file's metadata, where they are as many as there are logits. */
function classNamesOf(said: string | undefined, classes: number): readonly string[] | undefined {
  if (said === undefined) return undefined;
  try {
    const names: unknown = JSON.parse(said);
    if (Array.isArray(names) && names.length === classes && names.every((name) => typeof name === "string"))
      return names;
  } catch {
    // metadata of somebody else's: not ours to complain about
  }
  return undefined;
}
