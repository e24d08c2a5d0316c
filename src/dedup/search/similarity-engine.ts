/** The two programs of the all-pairs search of features: rows made ready for products, and the largest products of groups of pairs. */
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

/** Pairs of a row that are looked at together: their largest product comes back from the engine, and their own only if it may matter. */
export const groupSize = 32;

/**
 * What float32 may lose of a row's squared length outside of the directions (a few 1e-7 of 1): added to it, so that the
 * bound stays one.
 */
const squaresSlack = 1e-6;

/** The largest products of groups of pairs of rows of two blocks. */
export interface LargestProducts {
  /** Groups of rows a block has. */
  readonly groups: number;
  /** Of each row of the first block with the rows of each group of the second, [groups * groupSize, groups]. */
  readonly byRow: Float32Array;
  /** Of the rows of each group of the first block with each row of the second, [groups, groups * groupSize]. */
  readonly byColumn: Float32Array;
}

export interface SimilarityEngine extends Closable {
  /** Numbers a row that is ready has. */
  readonly width: number;
  /** Rows of unit length [block, columns], made ready for products [block, width]. */
  ready(unit: Float32Array): Promise<Float32Array>;
  /** The largest products, or bounds on them, of ready rows a and b. */
  largest(a: Float32Array, b: Float32Array): Promise<LargestProducts>;
}

/** Compiles the programs for blocks of `block` rows of `columns` numbers. */
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

/** Coordinates along the directions, then the length of the rest (bounds.ts). */
function readyFunction(block: number, columns: number, { directions, count }: BoundPlan) {
  const unit = input("unit", "float32", [block, columns]);
  const chosen = constant(directions.data.subarray(0, count * columns), [count, columns]);
  const along = matmul(unit, chosen, { transposeB: true });
  const squares = subtract(reduceSum(multiply(unit, unit), 1, true), reduceSum(multiply(along, along), 1, true));
  const rest = sqrt(add(maximum(squares, scalar(0)), scalar(squaresSlack)));
  return { inputs: [unit], outputs: { ready: concat([along, rest], 1) } };
}
