/** Leaves of the graph: named inputs, constants and scalars. */
import { encodeNumbers } from "../numbers.js";
import {
  applied,
  type DType,
  describe,
  elementCount,
  type Operation,
  type Shape,
  ShapeError,
  type Tensor,
} from "../tensor.js";

const inputOperation: Operation<{ name: string; dtype: DType; shape: Shape }> = {
  name: "input",
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  emit: () => {}, // The writer declares it as an input of the graph.
};

const constantOperation: Operation<{ dtype: DType; shape: Shape; bytes: Uint8Array }> = {
  name: "constant",
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  emit: (node, emitter) => {
    const output = node.outputs[0]!;
    emitter.initializer(emitter.name(output), output, node.attributes.bytes);
  },
};

/** Creates a named input, whose value is passed in every run. */
export function input<D extends DType>(name: string, dtype: D, shape: Shape): Tensor<D> {
  for (const side of shape) {
    if (!Number.isInteger(side) || side < 0) {
      throw new ShapeError(`input ${name}: invalid shape [${shape.join(", ")}]; expected integers of at least 0`);
    }
  }
  return applied(inputOperation, [], { name, dtype, shape: [...shape] });
}

/** Name of an input tensor, or undefined if the tensor is not an input. */
export function inputName(tensor: Tensor): string | undefined {
  return (tensor.producer.operation as unknown) === inputOperation
    ? (tensor.producer.attributes as { name: string }).name
    : undefined;
}

/** Creates a constant. Throws ShapeError if the number of values does not match the shape. */
export function constant<D extends DType = "float32">(
  values: ArrayLike<number>,
  shape: Shape,
  dtype: D = "float32" as D,
): Tensor<D> {
  if (values.length !== elementCount(shape)) {
    throw new ShapeError(
      `constant: got ${values.length} values for ${describe({ dtype, shape })}; expected ${elementCount(shape)}`,
    );
  }
  return applied(constantOperation, [], { dtype, shape: [...shape], bytes: encodeNumbers(values, dtype) });
}

/** Creates a constant of rank 0. */
export const scalar = <D extends DType = "float32">(value: number, dtype: D = "float32" as D): Tensor<D> =>
  constant([value], [], dtype);
