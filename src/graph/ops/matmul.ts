/**
 * Matrix products: a batched form with fused transposes and factor, and a 2-D form with a fused addend.
 *
 * Gradients of y = alpha op(A) op(B), with G the gradient of y and the transposes folded into the products:
 *   A not transposed: dA = alpha G op(B)^T        A transposed: dA = alpha op(B) G^T
 *   B not transposed: dB = alpha op(A)^T G        B transposed: dB = alpha G^T op(A)
 */
import {
  applied,
  broadcastShapes,
  type DType,
  describe,
  type Emitter,
  elementCount,
  type Operation,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { add, sumTo } from "./elementwise.js";
import { unscale } from "./scale.js";
import { reshape, transpose } from "./shape.js";

interface Product {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
}

export type ProductOptions = Partial<Product>;

/** Shapes [rows, inner] of the left and [inner, columns] of the right operand after transposition; throws ShapeError. */
function productSides(name: string, a: Tensor, b: Tensor, { transposeA, transposeB }: Product) {
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeError(`${name}: ${describe(a)} and ${describe(b)} must both have two or more axes`);
  }
  const [a0, a1] = a.shape.slice(-2) as [number, number];
  const [b0, b1] = b.shape.slice(-2) as [number, number];
  const [rows, inner] = transposeA ? [a1, a0] : [a0, a1];
  const [innerB, columns] = transposeB ? [b1, b0] : [b0, b1];
  if (inner !== innerB) {
    const note = (transposed: boolean) => (transposed ? " (transposed)" : "");
    throw new ShapeError(
      `${name}: ${describe(a)}${note(transposeA)} and ${describe(b)}${note(transposeB)} do not fit: ${inner} columns and ${innerB} rows; make them equal`,
    );
  }
  return { rows, inner, columns };
}

const matmulOperation: Operation<Product> = {
  name: "matmul",
  infer: ([a, b], product) => {
    const dtype = requireSameDType("matmul", [a!, b!]);
    const { rows, columns } = productSides("matmul", a!, b!, product);
    const stacks = broadcastShapes(
      `matmul: ${describe(a!)} and ${describe(b!)}`,
      a!.shape.slice(0, -2),
      b!.shape.slice(0, -2),
    );
    return [{ dtype, shape: [...stacks, rows, columns] }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    emitProduct(inputs as [Tensor, Tensor], emitter.name(outputs[0]!), attributes, emitter);
  },
  gradient: ({ inputs, attributes }, [g]) => {
    const [a, b] = inputs as [Tensor, Tensor];
    const { transposeA, transposeB, alpha } = attributes;
    const da = transposeA
      ? matmul(b, g!, { transposeA: transposeB, transposeB: true, alpha })
      : matmul(g!, b, { transposeB: !transposeB, alpha });
    const db = transposeB
      ? matmul(g!, a, { transposeA: true, transposeB: transposeA, alpha })
      : matmul(a, g!, { transposeA: !transposeA, alpha });
    return [sumTo(da, a.shape), sumTo(db, b.shape)];
  },
  flops: ({ inputs, outputs, attributes }) =>
    2 * elementCount(outputs[0]!.shape) * productSides("matmul", inputs[0]!, inputs[1]!, attributes).inner,
};

/** Emits alpha op(A) op(B): fused if the target supports it, else as Gemm, or as Transpose, MatMul and Mul. */
export function emitProduct(
  operands: readonly [Tensor, Tensor],
  output: string,
  { transposeA, transposeB, alpha }: Product,
  emitter: Emitter,
): void {
  const names = operands.map(emitter.name);
  const flags = { transA: { int: transposeA ? 1 : 0 }, transB: { int: transposeB ? 1 : 0 }, alpha: { float: alpha } };
  if (!transposeA && !transposeB && alpha === 1) emitter.node("MatMul", names, [output]);
  else if (emitter.runs("FusedMatMul")) emitter.node("FusedMatMul", names, [output], flags, "com.microsoft");
  else if (operands.every((x) => x.shape.length === 2)) emitter.node("Gemm", names, [output], flags);
  else {
    const factors = [transposeA, transposeB].map((transposed, i) => {
      if (!transposed) return names[i]!;
      const name = emitter.temporary();
      const last = operands[i]!.shape.length - 1;
      const permutation = operands[i]!.shape.map((_, axis) => (axis < last - 1 ? axis : 2 * last - 1 - axis));
      emitter.node("Transpose", [names[i]!], [name], { perm: { ints: permutation } });
      return name;
    });
    const product = alpha === 1 ? output : emitter.temporary();
    emitter.node("MatMul", factors, [product]);
    if (alpha !== 1) emitter.node("Mul", [product, emitter.float(alpha, operands[0].dtype)], [output]);
  }
}

/** alpha * op(A) op(B) of [..., m, k] and [..., k, n]; `transposeA` and `transposeB` swap the last two axes. Throws ShapeError. */
export function matmul<D extends DType>(a: Tensor<D>, b: Tensor, options: ProductOptions = {}): Tensor<D> {
  const [left, leftFactor] = unscale(a);
  const [right, rightFactor] = unscale(b);
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  return applied(matmulOperation, [left, right], { transposeA, transposeB, alpha: alpha * leftFactor * rightFactor });
}

const gemmOperation: Operation<Product> = {
  name: "gemm",
  infer: ([a, b, c], product) => {
    const dtype = requireSameDType("gemm", c ? [a!, b!, c] : [a!, b!]);
    if (a!.shape.length !== 2 || b!.shape.length !== 2) {
      throw new ShapeError(`gemm: ${describe(a!)} and ${describe(b!)} must both have two axes`);
    }
    const { rows, columns } = productSides("gemm", a!, b!, product);
    if (c && broadcastShapes("gemm", c.shape, [rows, columns]).join() !== `${rows},${columns}`) {
      throw new ShapeError(`gemm: the addend ${describe(c)} does not broadcast to [${rows}, ${columns}]`);
    }
    return [{ dtype, shape: [rows, columns] }];
  },
  emit: ({ inputs, outputs, attributes: { transposeA, transposeB, alpha } }, emitter) => {
    emitter.node("Gemm", inputs.map(emitter.name), [emitter.name(outputs[0]!)], {
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
      alpha: { float: alpha },
    });
  },
  gradient: ({ inputs, attributes }, [g]) => {
    const [a, b, c] = inputs as [Tensor, Tensor, Tensor?];
    const { transposeA, transposeB, alpha } = attributes;
    const da = transposeA
      ? gemm(b, g!, undefined, { transposeA: transposeB, transposeB: true, alpha })
      : gemm(g!, b, undefined, { transposeB: !transposeB, alpha });
    const db = transposeB
      ? gemm(g!, a, undefined, { transposeA: true, transposeB: transposeA, alpha })
      : transposeA
        ? gemm(a, g!, undefined, { alpha })
        : kernelGradient(a, g!, alpha);
    return c ? [da, db, sumTo(g!, c.shape)] : [da, db];
  },
  flops: ({ inputs, outputs, attributes }) =>
    2 * elementCount(outputs[0]!.shape) * productSides("gemm", inputs[0]!, inputs[1]!, attributes).inner,
};

/**
 * Weight gradient alpha A^T G of [m, k] and [m, n]. The CPU's matrix product reads a transposed left operand again for every panel of the
 * right one, and is a third slower than without the transpose. Transposing the smaller operand first is faster (ViT-S/16: 142 against 106
 * GFLOP/s). Transposing A moves m k numbers; transposing G, and then the result, moves m n + k n.
 */
function kernelGradient(a: Tensor, g: Tensor, alpha: number): Tensor {
  const [m, k] = a.shape as [number, number];
  const n = g.shape[1]!;
  return m * k <= m * n + k * n
    ? gemm(transposed(a), g, undefined, { alpha })
    : transpose(gemm(transposed(g), a, undefined, { alpha }), [1, 0]);
}

const transposes = new WeakMap<Tensor, Tensor>();

/** Transposes a matrix with one node shared by all consumers (the kernels of query, key and value share their input). */
function transposed(x: Tensor): Tensor {
  let result = transposes.get(x);
  if (!result) {
    result = transpose(x, [1, 0]);
    transposes.set(x, result);
  }
  return result;
}

/** alpha * op(A) op(B) + C of matrices [m, k] and [k, n]; C broadcasts to [m, n]. Throws ShapeError. */
export function gemm<D extends DType>(a: Tensor<D>, b: Tensor, c?: Tensor, options: ProductOptions = {}): Tensor<D> {
  const [left, leftFactor] = unscale(a);
  const [right, rightFactor] = unscale(b);
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const product = { transposeA, transposeB, alpha: alpha * leftFactor * rightFactor };
  return applied(gemmOperation, c ? [left, right, c] : [left, right], product);
}

/** x W + b over the last axis: [..., in] with kernel [in, out] and bias [out] gives [..., out]. Throws ShapeError. */
export function linear<D extends DType>(x: Tensor<D>, kernel: Tensor, bias?: Tensor): Tensor<D> {
  const width = x.shape.at(-1);
  if (width === undefined || kernel.shape.length !== 2 || kernel.shape[0] !== width) {
    throw new ShapeError(`linear: ${describe(x)} does not fit the kernel ${describe(kernel)}`);
  }
  const rows = gemm(reshape(x, [elementCount(x.shape) / width, width]), kernel);
  // The bias is a separate addition: as the addend of Gemm, the CPU first broadcasts it to the output on one thread
  // (1.3 ms of 12 on [1576, 384] x [384, 1536], against 0.4 for the addition).
  return reshape(bias ? add(rows, bias) : rows, [...x.shape.slice(0, -1), kernel.shape[1]!]);
}
