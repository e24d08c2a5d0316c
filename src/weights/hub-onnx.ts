/** The ONNX files of models of the hub: their names, as transformers.js writes them. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../formats/error.js";

/** Suffixes of files by the kind of their numbers: `onnx/model_fp16.onnx`, `onnx/vision_model_int8.onnx`. */
export const onnxSuffixes = {
  fp32: "",
  fp16: "_fp16",
  int8: "_int8",
  uint8: "_uint8",
  q8: "_quantized",
  q4: "_q4",
  q4f16: "_q4f16",
  bnb4: "_bnb4",
} as const satisfies Record<string, string>;

export type OnnxDType = keyof typeof onnxSuffixes;

/** The file of a network of images; of two towers, that of the images. */
export const onnxName = /^(onnx\/)?(vision_)?model(_[a-z0-9]+)?\.onnx$/;

/** Throws WeightsError: a model has no such ONNX file. */
export function noOnnx(repository: string, names: readonly string[], dtype?: OnnxDType): never {
  const has = names.filter((name) => name.endsWith(".onnx"));
  const wanted = dtype === undefined ? "" : ` of ${dtype} numbers (onnx/model${onnxSuffixes[dtype]}.onnx)`;
  throw new WeightsError(
    `hf:${repository} has no ONNX file of a network of images${wanted}; it has ${has.length > 0 ? has.join(", ") : "none"}`,
  );
}

/** The ONNX file of a kind of numbers, with the files of its weights beside it. Throws WeightsError. */
export function onnxFiles(repository: string, names: readonly string[], dtype: OnnxDType): readonly string[] {
  const suffix = onnxSuffixes[dtype];
  const candidates = ["onnx/", ""].flatMap((folder) =>
    ["vision_model", "model"].map((name) => `${folder}${name}${suffix}.onnx`),
  );
  const file = candidates.find((name) => names.includes(name)) ?? noOnnx(repository, names, dtype);
  return [file, ...names.filter((name) => name.startsWith(`${file}_data`))];
}

/** The path of the ONNX file in a downloaded folder; undefined for one without. */
export function onnxIn(folder: string): string | undefined {
  for (const place of [join(folder, "onnx"), folder]) {
    if (!existsSync(place)) continue;
    const file = readdirSync(place).find((name) => onnxName.test(name));
    if (file) return join(place, file);
  }
  return undefined;
}
