/** The whole table of operation cases, by family. */
import type { OperationCase } from "../../support/conformance.js";
import { alongFamily } from "./along.js";
import { attentionFamily } from "./attention.js";
import { definedFamily } from "./defined.js";
import { depthwiseConvolutionFamily } from "./depthwise-convolution.js";
import { einsumFamily } from "./einsum.js";
import { elementwiseCases } from "./elementwise.js";
import { matmulFamily } from "./matmul.js";
import { mobileFamily } from "./mobile.js";
import { activationFamily, imageFamily, normalisationFamily } from "./network.js";
import { reductionFamily } from "./reductions.js";
import { selectionFamily } from "./selection.js";
import { moveCases } from "./shape.js";
import { transposedConvolutionFamily } from "./transposed-convolution.js";
import { halfCases, typeFamily } from "./types.js";

export const families: Readonly<Record<string, readonly OperationCase[]>> = {
  elementwise: elementwiseCases,
  types: typeFamily,
  moves: moveCases,
  selection: selectionFamily,
  reductions: reductionFamily,
  along: alongFamily,
  products: matmulFamily,
  einsum: einsumFamily,
  activations: activationFamily,
  attention: attentionFamily,
  "defined operations": definedFamily,
  normalisation: normalisationFamily,
  "batch norm and hard activations": mobileFamily,
  images: imageFamily,
  "depthwise convolution": depthwiseConvolutionFamily,
  "transposed convolution": transposedConvolutionFamily,
};

/** Cases that need a device with half-precision arithmetic. */
export const halfFamily: readonly OperationCase[] = halfCases;
