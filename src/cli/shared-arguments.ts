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
  description: "Threads of ONNX Runtime; the cores (or the quota) of this process when left out",
} as const;
export const device = {
  type: "string",
  valueHint: "cpu|webgpu",
  default: "cpu",
  description: "Where to compute",
} as const;
export const seed = {
  type: "string",
  valueHint: "n",
  default: "0",
  description: "Seed of everything drawn at random",
} as const;

export const network =
  "Run folder, checkpoint file, or published weights: embedded:NAME, a file, a folder or hf:OWNER/NAME; settings may follow (net.safetensors?heads=4)";

export const backbone = `${network}; an ONNX file (x.onnx, x.onnx?range=0,1); or pixels:16`;
/** A backbone as an option of a command that has a usual one. */
export const backboneOption = {
  type: "string",
  valueHint: "spec",
  description: `What gives images their features. ${backbone}. ${defaultBackbone}, which comes with the package, when left out`,
} as const;
/** BACKBONE of the commands that take BACKBONE SOURCE or SOURCE alone. */
export const backboneOrSource = {
  type: "positional",
  required: true,
  description: `Backbone, ${defaultBackbone} when left out. ${backbone}`,
} as const;
export const imageSize = {
  type: "string",
  valueHint: "n|h,w",
  description: "Side of the images; the backbone's own when left out, 224 of an ONNX file of any size",
} as const;
