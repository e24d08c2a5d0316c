/** Multiplication by a number, as a separate operation so that matrix products can absorb the factor. */
import {
  applied,
  type DType,
  describe,
  type Emitter,
  elementCount,
  isFloat,
  type Operation,
  ShapeError,
  type Tensor,
} from "../tensor.js";

const scaleOperation: Operation<{ factor: number }> = {
  name: "scale",
  isElementwise: true,
  sharesMemory: "possibly",
  infer: ([x]) => {
    if (!isFloat(x!.dtype)) throw new ShapeError(`scale: needs a float tensor, got ${describe(x!)}; cast it first`);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  emit: ({ inputs, outputs, attributes }, emitter) => {
    const factor = scalarBeside(inputs[0]!, emitter.float(attributes.factor, inputs[0]!.dtype), emitter);
    emitter.node("Mul", [emitter.name(inputs[0]!), factor], [emitter.name(outputs[0]!)]);
  },
  gradient: ({ attributes }, [g]) => [scale(g!, attributes.factor)],
};

/** x * factor; consecutive factors are merged, and a factor of 1 adds no node. */
export function scale<D extends DType>(x: Tensor<D>, factor: number): Tensor<D> {
  const [inner, already] = unscale(x);
  const total = factor * already;
  if (total === 1) return inner;
  return applied(scaleOperation, [inner], { factor: total });
}

/** Splits a tensor into a tensor and a factor, so that a consumer can absorb the factor into its own arithmetic. */
export function unscale<D extends DType>(x: Tensor<D>): [Tensor<D>, number] {
  if ((x.producer.operation as unknown) !== scaleOperation || !isFloat(x.dtype)) return [x, 1];
  return [x.producer.inputs[0] as Tensor<D>, (x.producer.attributes as { factor: number }).factor];
}

/** Number of entries above which reshaping a scalar operand pays off. */
const large = 1024;

/**
 * Returns the name of a scalar in the shape that is fastest as the other operand of an elementwise node. Beside a tensor whose last axis is
 * 1, such as the kernel of a 1x1 convolution, it has as many axes as the tensor. With a rank of 0, the CPU processes the tensor entry by
 * entry (25 ns each, against 0.5).
 */
export function scalarBeside(other: Tensor, name: string, emitter: Emitter): string {
  if (other.shape.at(-1) !== 1 || elementCount(other.shape) < large) return name;
  const spread = emitter.temporary();
  emitter.node("Reshape", [name, emitter.int64(other.shape.map(() => 1))], [spread]);
  return spread;
}
