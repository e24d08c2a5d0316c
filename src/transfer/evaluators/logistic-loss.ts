/** Computes the loss of a multinomial logistic regression on frozen features, and its gradient, in float64. */

import type { Evaluated } from "../../algebra/lbfgs.js";
import { type Matrix, multiply, transpose } from "../../algebra/matrix.js";
import { type Closable, closable } from "../../files/closable.js";
import { gemm, input } from "../../graph/index.js";
import { compile } from "../../runtime/index.js";

/** Number of multiplications from which the runtime computes a product; a call takes about 0.2 ms. */
const largeProduct = 2e5;

export interface LogisticLoss extends Closable {
  /**
   * mean over rows of -log softmax(x W + b)[label], plus |W|^2 / (2 C rows). This is scikit-learn's objective with
   * inverse strength C, divided by C times the rows. The point is W [width, classes], row by row, followed by b
   * [classes]; the bias is not penalised.
   */
  at(point: Float64Array, c: number): Promise<Evaluated>;
}

/** Opens the loss of a design matrix [rows, width] and its labels. */
export async function openLogisticLoss(
  design: Matrix,
  labels: ArrayLike<number>,
  classes: number,
  threads?: number,
): Promise<LogisticLoss> {
  const { rows, columns: width } = design;
  const products = await openProducts(design, classes, threads);
  return closable<LogisticLoss>({
    at: async (point, c) => {
      const kernel = point.subarray(0, width * classes);
      const bias = point.subarray(width * classes);
      const logits = await products.forward({ data: kernel, rows: width, columns: classes });
      const { loss, errors } = softmaxErrors(logits.data, bias, labels, classes);
      const gradient = new Float64Array(point.length);
      const back = await products.backward({ data: errors, rows, columns: classes });
      const strength = 1 / (c * rows);
      let squares = 0;
      for (let i = 0; i < kernel.length; i++) {
        gradient[i] = back.data[i]! / rows + strength * kernel[i]!;
        squares += kernel[i]! * kernel[i]!;
      }
      for (let i = 0; i < errors.length; i++) gradient[width * classes + (i % classes)]! += errors[i]! / rows;
      return { value: loss / rows + (strength / 2) * squares, gradient };
    },
    close: products.close,
  });
}

/** The summed loss, and softmax minus target of every row. */
function softmaxErrors(logits: Float64Array, bias: Float64Array, labels: ArrayLike<number>, classes: number) {
  const errors = new Float64Array(logits.length);
  let loss = 0;
  for (let row = 0; row < labels.length; row++) {
    const at = row * classes;
    let top = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < classes; k++) top = Math.max(top, logits[at + k]! + bias[k]!);
    let sum = 0;
    for (let k = 0; k < classes; k++) {
      errors[at + k] = Math.exp(logits[at + k]! + bias[k]! - top);
      sum += errors[at + k]!;
    }
    for (let k = 0; k < classes; k++) errors[at + k]! /= sum;
    const label = labels[row]!;
    loss += top + Math.log(sum) - logits[at + label]! - bias[label]!;
    errors[at + label]! -= 1;
  }
  return { loss, errors };
}

interface Products extends Closable {
  /** X B for B [width, classes]. */
  forward(b: Matrix): Promise<Matrix>;
  /** X^T B for B [rows, classes]. */
  backward(b: Matrix): Promise<Matrix>;
}

async function openProducts(design: Matrix, classes: number, threads: number | undefined): Promise<Products> {
  const { rows, columns: width } = design;
  if (rows * width * classes < largeProduct) {
    const transposed = transpose(design);
    return closable<Products>({
      forward: async (b) => multiply(design, b),
      backward: async (b) => multiply(transposed, b),
      close: async () => {},
    });
  }
  const x = input("design", "float64", [rows, width]);
  const kernel = input("kernel", "float64", [width, classes]);
  const errors = input("errors", "float64", [rows, classes]);
  const program = await compile(
    {
      state: [x],
      functions: {
        forward: { inputs: [kernel], outputs: { value: gemm(x, kernel) } },
        backward: { inputs: [errors], outputs: { value: gemm(x, errors, undefined, { transposeA: true }) } },
      },
    },
    { inThread: true, threads },
  );
  await program.writeState({ design: design.data });
  const run = async (name: "forward" | "backward", feeds: Record<string, Float64Array>, size: number) => {
    const { value } = await program.run(name, feeds);
    return { data: value as Float64Array, rows: size, columns: classes };
  };
  return closable<Products>({
    forward: ({ data }) => run("forward", { kernel: data }, rows),
    backward: ({ data }) => run("backward", { errors: data }, width),
    close: () => program.close(),
  });
}
