/** Scaled dot-product attention: its output, its weights, and both together. */
import * as g from "../../../src/graph/index.js";
import type { Array64 } from "../../support/arrays.js";
import { noGradient, normal, type OperationCase, row } from "../../support/conformance.js";
import * as r from "../../support/reference.js";
import { softmax } from "../../support/reference-network.js";

const weightsOf = (q: Array64, k: Array64) =>
  softmax(r.matmul(q, k, false, true, 1 / Math.sqrt(q.shape.at(-1)!)), q.shape.length - 1);

export const attentionFamily: readonly OperationCase[] = [
  row(
    "scaledDotProductAttention of itself, output alone",
    "scaledDotProductAttention",
    [normal(2, 2, 3, 4), normal(2, 2, 3, 4), normal(2, 2, 3, 4)],
    (q, k, v) => g.scaledDotProductAttention(q, k, v).output,
    (q, k, v) => r.matmul(weightsOf(q, k), v),
  ),
  row(
    "scaledDotProductAttention over other tokens, weights read too",
    "scaledDotProductAttention",
    [normal(1, 2, 3, 2), normal(1, 2, 5, 2), normal(1, 2, 5, 2)],
    (q, k, v) => {
      const { output, weights } = g.scaledDotProductAttention(q, k, v);
      return [output, weights];
    },
    (q, k, v) => [r.matmul(weightsOf(q, k), v), weightsOf(q, k)],
  ),
  row(
    "scaledDotProductAttention, weights alone",
    "scaledDotProductAttention",
    [normal(1, 1, 2, 3), normal(1, 1, 4, 3), normal(1, 1, 4, 3)],
    (q, k, v) => g.scaledDotProductAttention(q, k, v).weights,
    (q, k) => weightsOf(q, k),
    { gradients: { 2: noGradient(2) } },
  ),
];
