/** The whole table of operation cases, by family. */
import type { OperationCase } from "../../support/conformance.js";
import { attentionFamily } from "./attention.js";
import { elementwiseCases } from "./elementwise.js";
import { matmulFamily } from "./matmul.js";
import { activationFamily, imageFamily, normalisationFamily } from "./network.js";
import { reductionFamily } from "./reductions.js";
import { selectionFamily } from "./selection.js";
import { moveCases } from "./shape.js";
import { halfCases, typeFamily } from "./types.js";

export const families: Readonly<Record<string, readonly OperationCase[]>> = {
  elementwise: elementwiseCases,
  types: typeFamily,
  moves: moveCases,
  selection: selectionFamily,
  reductions: reductionFamily,
  products: matmulFamily,
  activations: activationFamily,
  attention: attentionFamily,
  normalisation: normalisationFamily,
  images: imageFamily,
};

/** Cases that need a device with half-precision arithmetic. */
export const halfFamily: readonly OperationCase[] = halfCases;
