/** Leaves of the graph: named inputs, constants and scalars. */
import { encodeNumbers } from "../numbers.js";
import {
  apply,
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
  emit: () => {}, // declared by the writer among the graph's inputs
};

const constantOperation: Operation<{ dtype: DType; shape: Shape; bytes: Uint8Array }> = {
  name: "constant",
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  emit: (node, emitter) => {
    const output = node.outputs[0]!;
    emitter.initializer(emitter.name(output), output, node.attributes.bytes);
  },
};

/** A named value given at every run. */
export function input(name: string, dtype: DType, shape: Shape): Tensor {
  for (const side of shape) {
    if (!Number.isInteger(side) || side < 0) {
      throw new ShapeError(`input ${name}: [${shape.join(", ")}] is not a shape`);
    }
  }
  return apply(inputOperation, [], { name, dtype, shape: [...shape] })[0]!;
}

/** The name of an input tensor, or undefined when the tensor is not an input. */
export function inputName(tensor: Tensor): string | undefined {
  return (tensor.producer.operation as unknown) === inputOperation
    ? (tensor.producer.attributes as { name: string }).name
    : undefined;
}

/** A value written into the graph. Throws ShapeError when the count of values does not fit the shape. */
export function constant(values: ArrayLike<number>, shape: Shape, dtype: DType = "float32"): Tensor {
  if (values.length !== elementCount(shape)) {
    throw new ShapeError(`constant: ${values.length} values do not fill ${describe({ dtype, shape })}`);
  }
  return apply(constantOperation, [], { dtype, shape: [...shape], bytes: encodeNumbers(values, dtype) })[0]!;
}

/** A constant of rank 0. */
export const scalar = (value: number, dtype: DType = "float32"): Tensor => constant([value], [], dtype);
