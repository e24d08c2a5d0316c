/** Types of options, and options that several commands share. */
import { z } from "zod";
import { devices } from "../runtime/devices.js";
import { parseBytes } from "../text/parse-bytes.js";
import { defaultBackbone } from "../weights/embedded.js";

/** Metadata of an option for help and for parsing. */
export interface OptionMeta {
  readonly description?: string;
  /** Placeholder of the value in help, such as FOLDER. */
  readonly hint?: string;
  /** Whether it is a positional argument. It can also be given by name. */
  readonly positional?: boolean;
  /** Whether a list that is given by name also takes the remaining arguments. */
  readonly rest?: boolean;
  /** Whether it holds settings of a recipe, `--path.to.setting=value`. */
  readonly settings?: boolean;
  /** Heading in help. */
  readonly group?: "output" | "compute";
}

/** Returns the metadata of a schema and of the schema within optional and default; the outer metadata takes precedence. */
export function metaOf(schema: z.core.$ZodType): OptionMeta {
  const own = z.globalRegistry.get(schema) ?? {};
  const wraps = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return wraps ? { ...metaOf(schema.def.innerType), ...own } : own;
}

/** An option: its schema with its description. */
export function option<T extends z.ZodType>(schema: T, description: string, meta: OptionMeta = {}): T {
  return schema.meta({ ...metaOf(schema), description, ...meta });
}

/** A positional argument. */
export function argument<T extends z.ZodType>(schema: T, description: string, meta: OptionMeta = {}): T {
  return option(schema, description, { positional: true, ...meta });
}

/** A flag; default: false. */
export const flag = z.boolean().default(false);
/** A whole number from 0. */
export const natural = z.int().min(0);
/** A whole number from 1. */
export const count = z.int().min(1);
/** A number from 0 to 1. */
export const share = z.number().min(0).max(1);
/** A path or a name. */
export const text = z.string();
export const folder = z.string().meta({ hint: "FOLDER" });
export const file = z.string().meta({ hint: "FILE" });
/** A list, on the command line separated by commas. */
export const list = <T extends z.ZodType>(element: T) => z.array(element).min(1);
/** A list whose elements differ. */
export const distinct = <T extends z.ZodType>(element: T) =>
  list(element).check(({ value, issues }) => {
    const repeated = value.find((one, i) => value.indexOf(one) < i);
    if (repeated !== undefined)
      issues.push({ code: "custom", message: `${String(repeated)} is given twice; give each once`, input: value });
  });
/** An amount of memory, such as 2GB. */
export const bytes = z
  .string()
  .check((context) => {
    try {
      parseBytes(context.value);
    } catch (error) {
      context.issues.push({ code: "custom", message: (error as Error).message, input: context.value });
    }
  })
  .meta({ hint: "SIZE" });
/** The side of square images in pixels, or height and width. */
export const sides = z.union([count, z.tuple([count, count])]).meta({ hint: "N|H,W" });

/** The classifiers on frozen features. */
export const evaluatorNames = ["ridge", "ridge-loo", "knn", "prototypes", "probe", "logistic"] as const;
export const evaluator = z.enum(evaluatorNames).meta({ hint: "NAME" });

const imagesText =
  "Dataset: a folder, .tar, Parquet, TFRecord, IDX or CIFAR files, or webdataset:, embedded:, generated: or composed:NAME (docs/data.md)";
const runText = "run folder; checkpoint";
const filesText = "file or folder of weights";
const namesText = "hf:OWNER/NAME or a short name of `fovea models --backbones`; augreg:NAME";
const onnxText = "ONNX file (x.onnx, x.onnx?range=0,1; docs/weights.md)";
const randomText =
  "random:NETWORK (a model of `fovea models`, or the architecture of a run or of weights, with random weights)";
/** Text that follows a list of networks which includes weights. */
const settingsText =
  "Settings that the file does not state may follow, such as ?heads=4 (attention heads; docs/weights.md)";
const weightsText = `${runText}; ${filesText}; embedded:NAME; ${namesText}`;
const networkText = `One of: ${weightsText}; ${randomText}. ${settingsText}`;
const backboneText = `One of: ${weightsText}; ${onnxText}; pixels:16 (the raw pixels); ${randomText}. ${settingsText}`;

export const images = argument(text, imagesText);
/** The images, with a remark on them. */
export const imagesWith = (remark: string) => argument(text, `${imagesText}; ${remark}`);
export const network = argument(text, networkText);
/** The networks whose weights are stored. */
export const storedNetwork = argument(text, `One of: ${weightsText}. ${settingsText}`);
/** A trained network with a head, stored as weights. */
export const trainedClassifier = argument(
  text,
  `A network with a head. One of: ${runText}; ${filesText}; ${namesText}. ${settingsText}. The bundled backbones have no head`,
);
const classifierText = `One of: folder that \`fovea fit\` wrote; ${onnxText} with logits; ${runText}; ${filesText}; ${namesText}. ${settingsText}`;
/** A network that classifies. */
export const classifier = argument(
  text,
  `A network with a head. ${classifierText}. The bundled backbones and pixels:16 have no head: train one with \`fovea fit\``,
);
/** A network that classifies into ImageNet's classes. */
export const imagenetClassifier = argument(
  text,
  `A network with a head for ImageNet's 1,000 classes. ${classifierText}`,
);
/** Any network, ONNX file or raw pixels. */
export const anyNetwork = argument(text, backboneText);
/** An optional backbone. */
export const backbone = option(
  text.optional().meta({ hint: "NETWORK" }),
  `Network that computes the features (default: ${defaultBackbone}). ${backboneText}`,
);
/** BACKBONE before IMAGES. */
export const leadingBackbone = option(backbone, metaOf(backbone).description ?? "", { positional: true });
export const imageSize = option(
  sides.optional(),
  "Input image size (default: the network's own; 224 for an ONNX file that takes any size)",
);
export const device = option(z.enum(devices).default("cpu"), "Device that runs the network", { group: "compute" });
export const threads = option(
  count.optional(),
  "Threads of ONNX Runtime (default: the cores, or the CPU quota, of this process)",
  { group: "compute" },
);
export const seed = option(natural.default(0), "Seed of the random numbers");
export const split = option(
  text.optional().meta({ hint: "NAME" }),
  "Split of the images (default: train, else the only one)",
);
export const overwrite = option(flag, "Replace existing output", { group: "output" });
/** Settings of a recipe as `{ path, value }`; on the command line every unknown option. */
export const settings = option(
  z.array(z.object({ path: z.string(), value: z.string() })).default([]),
  "Any other --path.to.setting=value changes that setting of the recipe; null removes it; arrays and objects are JSON. For recipe settings such as --device=webgpu and --threads=4, see `fovea settings`",
  { settings: true },
);
