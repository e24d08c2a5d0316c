/** Compiles the programs of the all-pairs search of features: one prepares rows, one computes the largest products of groups of pairs. */
import { type Closable, closable } from "../../files/closable.js";
import {
  add,
  concat,
  constant,
  input,
  matmul,
  maximum,
  multiply,
  reduceMax,
  reduceSum,
  reshape,
  scalar,
  sqrt,
  subtract,
} from "../../graph/index.js";
import { compile, type Program } from "../../runtime/index.js";
import { defined } from "../../text/defined.js";
import type { BoundPlan } from "./bounds.js";

/** Number of pairs in a group. The engine returns the largest product of a group; single products are computed only if it may matter. */
export const groupSize = 32;

/**
 * Rounding error of float32 in the squared length outside of the directions (a few 1e-7 of 1). It is added to this length, so that the
 * result remains an upper bound.
 */
const squaresSlack = 1e-6;

/** The largest products of groups of pairs of rows of two blocks. */
export interface LargestProducts {
  /** Number of row groups in a block. */
  readonly groups: number;
  /** Maxima over each row of the first block and each group of the second, [groups * groupSize, groups]. */
  readonly byRow: Float32Array;
  /** Maxima over each group of the first block and each row of the second, [groups, groups * groupSize]. */
  readonly byColumn: Float32Array;
}

export interface SimilarityEngine extends Closable {
  /** Number of columns of a prepared row. */
  readonly width: number;
  /** Prepares unit rows [block, columns] for products; returns [block, width]. */
  ready(unit: Float32Array): Promise<Float32Array>;
  /** Computes the largest products, or bounds of them, of prepared rows a and b. */
  largest(a: Float32Array, b: Float32Array): Promise<LargestProducts>;
}

/** Compiles the programs for blocks of `block` rows and `columns` columns. */
export async function openSimilarityEngine(
  block: number,
  columns: number,
  plan: BoundPlan | undefined,
  threads: number | undefined,
): Promise<SimilarityEngine> {
  const width = plan ? plan.count + 1 : columns;
  const a = input("a", "float32", [block, width]);
  const b = input("b", "float32", [block, width]);
  const products = matmul(a, b, { transposeB: true });
  const groups = block / groupSize;
  const largest = {
    inputs: [a, b],
    outputs: {
      byRow: reduceMax(reshape(products, [block, groups, groupSize]), 2),
      byColumn: reduceMax(reshape(products, [groups, groupSize, block]), 1),
    },
  };
  const program: Program = await compile(
    { state: [], functions: defined({ largest, ready: plan && readyFunction(block, columns, plan) }) },
    { threads },
  );
  return closable<SimilarityEngine>({
    width,
    ready: async (unit) => (plan ? ((await program.run("ready", { unit }))["ready"] as Float32Array) : unit),
    largest: async (left, right) => {
      const { byRow, byColumn } = await program.run("largest", { a: left, b: right });
      return { groups, byRow: byRow as Float32Array, byColumn: byColumn as Float32Array };
    },
    close: () => program.close(),
  });
}

/** Computes the coordinates along the directions, then the length of the rest (bounds.ts). */
function readyFunction(block: number, columns: number, { directions, count }: BoundPlan) {
  const unit = input("unit", "float32", [block, columns]);
  const chosen = constant(directions.data.subarray(0, count * columns), [count, columns]);
  const along = matmul(unit, chosen, { transposeB: true });
  const squares = subtract(reduceSum(multiply(unit, unit), 1, true), reduceSum(multiply(along, along), 1, true));
  const rest = sqrt(add(maximum(squares, scalar(0)), scalar(squaresSlack)));
  return { inputs: [unit], outputs: { ready: concat([along, rest], 1) } };
}
