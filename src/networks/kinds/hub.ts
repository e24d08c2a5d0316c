/** Opens a model of the Hugging Face hub: its weights where their layout is known, otherwise its ONNX file. */
import {
  fetchHubOnnx,
  fetchHubOnnxIfNeeded,
  networkOptions,
  type OnnxDType,
  onnxSuffixes,
  parseHubName,
  readOptions,
  type SpecOption,
  WeightsError,
} from "../../weights/index.js";
import type { Network, OpenOptions } from "../forward/network.js";
import { fileOptions, openOnnx } from "./onnx.js";
import { openTrained } from "./trained.js";

const isDType = (value: string): value is OnnxDType => Object.hasOwn(onnxSuffixes, value);

/** The options after the name of a model of the hub: those of weights, and those of ONNX files. */
const hubOptions = {
  ...networkOptions,
  ...fileOptions,
  dtype: {
    expected: Object.keys(onnxSuffixes).join(", "),
    read: (value) => (isDType(value) ? value : undefined),
  } as SpecOption<OnnxDType>,
} as const;

/** Options that only an ONNX file has. */
const ofFiles = ["dtype", ...Object.keys(fileOptions).filter((name) => !Object.hasOwn(networkOptions, name))];

/**
 * Opens `hf:OWNER/NAME[@REVISION]`, which is downloaded if it is not in the cache. With `?dtype=fp16` (or another option of ONNX files) its ONNX file is
 * used; otherwise its weights, and the ONNX file where their layout is not known.
 *
 * Throws WeightsError where there is no such model or neither file, and what `openOnnx` and `openTrained` throw.
 */
export async function openHub(spec: string, options: OpenOptions = {}): Promise<Network> {
  const { name, given } = readOptions(spec, hubOptions);
  const hub = parseHubName(name);
  if (!hub)
    throw new WeightsError(`"${name}" is not the name of a model of the hub; expected hf:OWNER/NAME[@REVISION]`);
  const { note } = options;
  const path = ofFiles.some((option) => Object.hasOwn(given, option))
    ? await fetchHubOnnx(hub, given.dtype ?? "fp32", { note })
    : await fetchHubOnnxIfNeeded(hub, { note });
  if (path === undefined) return await openTrained(spec, options);
  const kept = spec
    .slice(name.length + 1)
    .split("&")
    .filter((option) => option !== "" && !option.startsWith("dtype="));
  const network = await openOnnx(kept.length > 0 ? `${path}?${kept.join("&")}` : path, options);
  return { ...network, spec };
}
