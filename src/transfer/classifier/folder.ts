/**
 * The folder of a classifier: a head on a backbone, ready for `fovea predict`, for any ONNX runtime and for transformers.js.
 *
 * `classifier.json` says what it is, `head.safetensors` holds the head alone, `onnx/model.onnx` is backbone and head from pixels
 * to logits, `config.json` and `preprocessor_config.json` are what transformers.js reads, `README.md` is its card.
 */

import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { pixelPreparation, preprocessorOf, resizingLines } from "../../export/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { requireWritableFolder } from "../../files/folder.js";
import { replaceFolder } from "../../files/replace-folder.js";
import { defined } from "../../text/defined.js";
import { percent } from "../../text/format.js";
import type { Backbone } from "../backbone/backbone.js";
import type { Setting } from "../evaluators/index.js";
import type { Expectation } from "../fit/fit.js";
import { saveHead } from "../heads/files.js";
import type { Head } from "../heads/head.js";
import { classifierOnnx } from "../heads/onnx.js";

export const classifierFile = "classifier.json";
export const headFile = "head.safetensors";
export const modelFile = join("onnx", "model.onnx");
const reportFile = "report.html";

/** Every file that `writeClassifier` writes, as a path in the folder; what else is there belongs to the user. */
const ownFiles: readonly string[] = [
  classifierFile,
  headFile,
  "onnx/model.onnx",
  "config.json",
  "preprocessor_config.json",
  "README.md",
  reportFile,
];

const description = z.object({
  format: z.literal(1),
  classNames: z.array(z.string()).min(1),
  preprocessing: z.string(),
  /** How it was fitted. */
  method: z.object({ name: z.string(), title: z.string(), setting: z.record(z.string(), z.number()) }),
  backbone: z.object({
    spec: z.string(),
    kind: z.string(),
    width: z.number(),
    imageShape: z.tuple([z.number(), z.number(), z.number()]),
    identity: z.string(),
  }),
  /** What accuracy is to be expected, where that was measured. */
  expected: z
    .object({
      accuracy: z.number(),
      confidence95: z.tuple([z.number(), z.number()]),
      right: z.number(),
      images: z.number(),
      method: z.string(),
      folds: z.number(),
    })
    .optional(),
});

export type ClassifierDescription = z.infer<typeof description>;

export interface ClassifierContents {
  readonly backbone: Backbone;
  readonly head: Head;
  readonly classNames: readonly string[];
  readonly method: { readonly name: string; readonly title: string; readonly setting: Setting };
  readonly expected?: Expectation;
  /** Lines of the card beside what is known from here, such as where the images are from. */
  readonly facts?: readonly string[];
  /** A page of HTML beside it. */
  readonly report?: string;
}

/** Is there the folder of a classifier? */
export const isClassifierFolder = (path: string): boolean => existsSync(join(path, classifierFile));

/** Throws unless a classifier can be written there: to a new or empty folder, or, with `overwrite`, in place of an earlier one. */
export function requireClassifierFolder(folder: string, overwrite = false): void {
  requireWritableFolder(dirname(resolve(folder)));
  if (!existsSync(folder)) return;
  const names = readdirSync(folder);
  if (names.length === 0 || (isClassifierFolder(folder) && overwrite)) return;
  throw new Error(
    isClassifierFolder(folder)
      ? `${folder} holds a classifier already; choose another folder, or replace it with --overwrite`
      : `${folder} holds something else than a classifier (${names.slice(0, 3).join(", ")}); choose a new folder`,
  );
}

/**
 * Writes the folder, whole or not at all; gives its files. An earlier classifier there is replaced, files of others stay.
 * Throws what the disk says, and when the backbone cannot be exported.
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
  const files: Record<string, string> = defined({
    [classifierFile]: json(described),
    "config.json": json(hubConfig(classNames, backbone.imageShape)),
    "preprocessor_config.json": json(preprocessorOf(preparation)),
    "README.md": card(folder, described, contents.facts ?? []),
    [reportFile]: contents.report,
  });
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

/** What a folder of a classifier says of itself. Throws when it is damaged. */
export async function readClassifier(folder: string): Promise<ClassifierDescription> {
  const file = join(folder, classifierFile);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const { success, data, error } = description.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new Error(`${file} is not what fovea fit writes: ${issue!.path.join(".")}: ${issue!.message}`);
}

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** transformers.js runs the ONNX file, whatever it computes; the type only has to be one whose classifiers give logits. */
function hubConfig(classNames: readonly string[], [height, width, channels]: Backbone["imageShape"]) {
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
    `- names ${classNames.length} classes: ${classNames.join(", ")}`,
    ...(expected
      ? [
          `- expected accuracy on images like those it learnt from: ${percent(expected.accuracy)} (95 % interval ${percent(expected.confidence95[0])} to ${percent(expected.confidence95[1])}, ${howMeasured(expected)})`,
        ]
      : []),
    `- backbone: ${backbone.spec}, ${backbone.width} features; its licence is that of whoever made it`,
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

/** How an expectation was found, in words. */
export function howMeasured({
  method,
  folds,
  images,
}: Pick<Expectation, "folds" | "images"> & { method: string }): string {
  return method === "held out"
    ? `${images} images held out of choosing and fitting, Wilson interval`
    : `nested ${folds}-fold cross-validation: each of ${images} images named by a classifier chosen and fitted without it, Wilson interval`;
}
