/** Arguments that several commands take, as help shows them. */
import { defaultBackbone } from "../weights/embedded.js";

export const source = {
  type: "positional",
  required: true,
  description: "Images: a folder, tar, Parquet or IDX files, embedded:NAME or generated:NAME",
} as const;
export const threads = {
  type: "string",
  valueHint: "n",
  description: "Threads of ONNX Runtime (default: the cores, or the CPU quota, of this process)",
} as const;
export const device = {
  type: "string",
  valueHint: "cpu|webgpu|cuda",
  default: "cpu",
  description: "Device that runs the network",
} as const;
export const seed = {
  type: "string",
  valueHint: "n",
  default: "0",
  description: "Seed of the random numbers",
} as const;

export const network =
  "Run folder, checkpoint file, or weights: embedded:NAME, a file, a folder, hf:OWNER/NAME or augreg:NAME; with ?heads=4&layerNormEpsilon=1e-6 where the files do not state them";

export const backbone = `${network}; an ONNX file (x.onnx, x.onnx?range=0,1); or pixels:16`;
/** A backbone as an option of a command that has a usual one. */
export const backboneOption = {
  type: "string",
  valueHint: "spec",
  description: `Backbone that computes the features (default: ${defaultBackbone}). ${backbone}`,
} as const;
/** BACKBONE of the commands that take BACKBONE SOURCE or SOURCE alone. */
export const backboneOrSource = {
  type: "positional",
  required: true,
  description: `Backbone; leave it out for ${defaultBackbone}. ${backbone}`,
} as const;
export const imageSize = {
  type: "string",
  valueHint: "n|h,w",
  description: "Side of the input images (default: the backbone's own; 224 for an ONNX file of any size)",
} as const;
