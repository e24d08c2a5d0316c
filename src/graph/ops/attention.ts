/**
 * Scaled dot-product attention with a custom gradient, which needs few passes over the large score matrix.
 *
 * P = softmax(alpha Q K^T), O = P V. From dO:
 *   dV = P^T dO,  dP = dO V^T,  dS = P (dP - D) with D = rowsum(dP P) = rowsum(dO O)
 * The last equality (Dao et al., FlashAttention, 2022, appendix B) replaces a pass over [t, s] by one over [t, side].
 *   dQ = alpha dS K,  dK = alpha dS^T Q
 */
import { onnxTypeCodes } from "../element-types.js";
import { apply, type DType, describe, type Operation, requireSameDType, ShapeError, type Tensor } from "../tensor.js";
import { add, multiply, subtract } from "./elementwise.js";
import { inFloat32 } from "./half.js";
import { emitProduct, matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";

const attentionOperation: Operation<{ alpha: number }> = {
  name: "scaledDotProductAttention",
  infer: ([q, k, v]) => {
    const dtype = requireSameDType("scaledDotProductAttention", [q!, k!, v!]);
    const fits =
      q!.shape.length === 4 &&
      k!.shape.join() === v!.shape.join() &&
      [0, 1, 3].every((axis) => q!.shape[axis] === k!.shape[axis]);
    if (!fits) {
      throw new ShapeError(
        `scaledDotProductAttention: query ${describe(q!)}, key ${describe(k!)} and value ${describe(v!)} must be [N, heads, tokens, side]`,
      );
    }
    return [
      { dtype, shape: q!.shape },
      { dtype, shape: [...q!.shape.slice(0, 3), k!.shape[2]!] },
    ];
  },
  emit: ({ inputs: [q, k, v], outputs: [o, p], attributes: { alpha } }, emitter) => {
    const scores = emitter.temporary();
    emitProduct([q!, k!], scores, { transposeA: false, transposeB: true, alpha }, emitter);
    const wide = q!.dtype === "float16" ? emitter.temporary() : scores;
    if (wide !== scores) emitter.node("Cast", [scores], [wide], { to: { int: onnxTypeCodes.float32 } });
    inFloat32(p!, emitter, (result) => emitter.node("Softmax", [wide], [result], { axis: { int: -1 } }));
    emitter.node("MatMul", [emitter.name(p!), emitter.name(v!)], [emitter.name(o!)]);
  },
  gradient: ({ inputs, outputs: [o, p], attributes: { alpha } }, [dO, dPDirect]) => {
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
    let dS: Tensor | undefined;
    let dV: Tensor | undefined;
    if (dO) {
      dV = matmul(p!, dO, { transposeA: true });
      const dP = matmul(dO, v, { transposeB: true });
      dS = multiply(p!, subtract(dP, reduceSum(multiply(dO, o!), -1, true)));
    }
    if (dPDirect) {
      const direct = multiply(p!, subtract(dPDirect, reduceSum(multiply(dPDirect, p!), -1, true)));
      dS = dS ? add(dS, direct) : direct;
    }
    return [matmul(dS!, k, { alpha }), matmul(dS!, q, { transposeA: true, alpha }), dV];
  },
  flops: ({ inputs: [q, k] }) => {
    const [n, heads, t, side] = q!.shape as [number, number, number, number];
    return 4 * n * heads * t * k!.shape[2]! * side;
  },
};

/**
 * softmax(q k^T / sqrt(side)) v of [N, heads, t, side] queries and [N, heads, s, side] keys and values: the output
 * [N, heads, t, side] and the attention weights [N, heads, t, s]. Throws ShapeError.
 */
export function scaledDotProductAttention<D extends DType>(
  q: Tensor<D>,
  k: Tensor,
  v: Tensor,
): { output: Tensor<D>; weights: Tensor<D> } {
  const [output, weights] = apply(attentionOperation, [q, k, v], { alpha: 1 / Math.sqrt(q.shape.at(-1)!) });
  return { output: output as Tensor<D>, weights: weights as Tensor<D> };
}
