/**
 * Writes the folder of a classifier, a head on a backbone, for `fovea predict`, any ONNX runtime and transformers.js.
 *
 * `classifier.json` describes it; `head.safetensors` holds the head alone; `onnx/model.onnx` is backbone and head from
 * pixels to logits; `config.json` and `preprocessor_config.json` are for transformers.js; `README.md` is its card.
 */

import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { pixelPreparation, preprocessorOf, resizingLines } from "../../export/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { requireWritableFolder } from "../../files/folder.js";
import { replaceFolder } from "../../files/replace-folder.js";
import type { Setting } from "../../networks/index.js";
import {
  type ClassifierDescription,
  classifierFile,
  classifierOnnx,
  type Head,
  headFile,
  isClassifierFolder,
  modelFile,
  type Network,
  saveHead,
} from "../../networks/index.js";
import { percent } from "../../text/format.js";
import type { Expectation } from "../fit/fit.js";

const reportFile = "report.html";

/** Every file that `writeClassifier` writes, as a path in the folder; other files belong to the user. */
const ownFiles: readonly string[] = [
  classifierFile,
  headFile,
  "onnx/model.onnx",
  "config.json",
  "preprocessor_config.json",
  "README.md",
  reportFile,
];

export interface ClassifierContents {
  readonly backbone: Network;
  readonly head: Head;
  readonly classNames: readonly string[];
  readonly method: { readonly name: string; readonly title: string; readonly setting: Setting };
  readonly expected?: Expectation;
  /** Additional lines of the card, such as where the images are from. */
  readonly facts?: readonly string[];
  /** An HTML page to write in addition. */
  readonly report?: string;
}

/**
 * Throws unless a classifier can be written there: to a new or empty folder, or, with `overwrite`, in place of an
 * earlier one.
 */
export function requireClassifierFolder(folder: string, overwrite = false): void {
  requireWritableFolder(dirname(resolve(folder)));
  if (!existsSync(folder)) return;
  const names = readdirSync(folder);
  if (names.length === 0 || (isClassifierFolder(folder) && overwrite)) return;
  throw new Error(
    isClassifierFolder(folder)
      ? `${folder} holds a classifier already; choose another folder, or replace it with --overwrite`
      : `${folder} holds files that are not a classifier's (${names.slice(0, 3).join(", ")}); choose a new folder`,
  );
}

/**
 * Writes the folder atomically; returns its files. An earlier classifier there is replaced; other files stay. Throws
 * the errors of the file system, and when the backbone cannot be exported.
 */
export async function writeClassifier(folder: string, contents: ClassifierContents): Promise<readonly string[]> {
  const { backbone, head, classNames, method, expected } = contents;
  const described: ClassifierDescription = {
    format: 1,
    classNames: [...classNames],
    preprocessing: backbone.preprocessing,
    method: { ...method, setting: { ...method.setting } },
    backbone: {
      spec: backbone.spec,
      kind: backbone.kind,
      width: backbone.width,
      imageShape: [...backbone.imageShape],
      identity: await backbone.identity(),
    },
    expected: expected && { ...expected, confidence95: [...expected.confidence95] },
  };
  const onnx = await classifierOnnx(backbone, head, {
    classNames: JSON.stringify(classNames),
    preprocessing: backbone.preprocessing,
  });
  const [height, width] = backbone.imageShape;
  const preparation = pixelPreparation(backbone.preprocessing, { height, width });
  const files: Record<string, string> = {
    [classifierFile]: json(described),
    "config.json": json(hubConfig(classNames, backbone.imageShape)),
    "preprocessor_config.json": json(preprocessorOf(preparation)),
    "README.md": card(folder, described, contents.facts ?? []),
    ...(contents.report !== undefined && { [reportFile]: contents.report }),
  };
  const fill = async (incoming: string): Promise<void> => {
    await mkdir(join(incoming, "onnx"));
    await writeFileAtomically(join(incoming, modelFile), [onnx]);
    await saveHead(join(incoming, headFile), head);
    for (const [name, text] of Object.entries(files)) {
      await writeFileAtomically(join(incoming, name), [new TextEncoder().encode(text)]);
    }
  };
  await replaceFolder(resolve(folder), fill, { isOurs: (path) => ownFiles.includes(path) });
  return [...Object.keys(files), headFile, modelFile].sort();
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/**
 * transformers.js runs the ONNX file, whatever it computes; the model type only has to be one whose classifiers return
 * logits.
 */
function hubConfig(classNames: readonly string[], [height, width, channels]: Network["imageShape"]) {
  return {
    architectures: ["ResNetForImageClassification"],
    model_type: "resnet",
    image_size: height === width ? height : [height, width],
    num_channels: channels,
    id2label: Object.fromEntries(classNames.map((name, i) => [String(i), name])),
    label2id: Object.fromEntries(classNames.map((name, i) => [name, i])),
    "transformers.js_config": { dtype: "fp32" },
  };
}

function card(folder: string, described: ClassifierDescription, facts: readonly string[]): string {
  const { classNames, backbone, method, preprocessing, expected } = described;
  const setting = Object.entries(method.setting).map(([name, value]) => `${name} ${value}`);
  return [
    "---",
    "library_name: transformers.js",
    "pipeline_tag: image-classification",
    "tags: [vision, onnx, fovea]",
    "---",
    "",
    `# ${resolve(folder).split(/[\\/]/).at(-1)}`,
    "",
    `- ${classNames.length} classes: ${classNames.join(", ")}`,
    ...(expected
      ? [
          `- expected accuracy on images like its training images: ${percent(expected.accuracy)} (95 % interval ${percent(expected.confidence95[0])} to ${percent(expected.confidence95[1])}, ${howMeasured(expected)})`,
        ]
      : []),
    `- backbone: ${backbone.spec}, ${backbone.width} features; its own licence applies`,
    `- classifier: ${method.title}${setting.length > 0 ? ` (${setting.join(", ")})` : ""}`,
    `- images: ${backbone.imageShape[0]} x ${backbone.imageShape[1]} pixels, \`${preprocessing}\``,
    ...facts.map((fact) => `- ${fact}`),
    "",
    "## Use",
    "",
    "```sh",
    "npx fovea predict PATH photo.jpg",
    "```",
    "",
    "```js",
    'import { pipeline } from "@huggingface/transformers";',
    "",
    'const classify = await pipeline("image-classification", "PATH");',
    'console.log(await classify("photo.png"));',
    "```",
    ...resizingLines(backbone.imageShape[0], backbone.imageShape[1], preprocessing),
    "",
    "Written by Fovea.",
    "",
  ].join("\n");
}

/** How the expected accuracy was measured, as text. */
export function howMeasured({
  method,
  folds,
  images,
}: Pick<Expectation, "folds" | "images"> & { method: string }): string {
  return method === "held out"
    ? `${images} images held out of selection and fitting, Wilson interval`
    : `nested ${folds}-fold cross-validation: each of ${images} images classified by a classifier selected and fitted without it, Wilson interval`;
}
