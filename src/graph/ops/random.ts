/**
 * Uniform random numbers as a pure function of a seed, so that a resumed run draws the same numbers as an uninterrupted one.
 *
 * The runtime's own random nodes keep hidden state between runs. This operation hashes a counter instead: entry i of stream s is the
 * 32-bit finaliser "lowbias32" (Chris Wellons, "Prospecting for Hash Functions", constants 0x7feb352d and 0x846ca68b,
 * shifts 16, 15, 16) of i * 0x9e3779b1 + seed mixed with s. It uses only integer nodes and gives the same numbers on every device.
 */
import { counterFactor, hashCounter } from "../../random/counter.js";
import { applied, describe, elementCount, type Operation, type Shape, ShapeError, type Tensor } from "../tensor.js";
import { less } from "./elementwise.js";

const toSigned = (value: number): number => value | 0;
const uniformOperation: Operation<{ shape: Shape; stream: number }> = {
  name: "randomUniform",
  infer: ([seed], { shape }) => {
    if (seed!.dtype !== "int32" || elementCount(seed!.shape) !== 1) {
      throw new ShapeError(`randomUniform: the seed must be one int32, got ${describe(seed!)}`);
    }
    return [{ dtype: "float32", shape }];
  },
  emit: ({ inputs, outputs, attributes: { shape, stream } }, emitter) => {
    const bytes = (values: Int32Array | Uint32Array) => new Uint8Array(values.buffer);
    const constantOf = (dtype: "int32" | "uint32", values: readonly number[], sides: Shape) => {
      const name = emitter.temporary();
      const data = dtype === "int32" ? Int32Array.from(values) : Uint32Array.from(values);
      emitter.initializer(name, { dtype, shape: sides }, bytes(data));
      return name;
    };
    const node = (type: string, inputs: readonly string[], attributes = {}): string => {
      const output = emitter.temporary();
      emitter.node(type, inputs, [output], attributes);
      return output;
    };
    const shifted = (x: string, by: number) => {
      const unsigned = node("Cast", [x], { to: { int: 12 } });
      const moved = node("BitShift", [unsigned, constantOf("uint32", [by], [])], { direction: { string: "RIGHT" } });
      return node("Cast", [moved], { to: { int: 6 } });
    };
    const hash = (x: string) => {
      let value = node("Mul", [
        node("BitwiseXor", [x, shifted(x, 16)]),
        constantOf("int32", [toSigned(0x7feb352d)], []),
      ]);
      value = node("Mul", [
        node("BitwiseXor", [value, shifted(value, 15)]),
        constantOf("int32", [toSigned(0x846ca68b)], []),
      ]);
      return node("BitwiseXor", [value, shifted(value, 16)]);
    };
    const key = hash(
      node("BitwiseXor", [
        node("Reshape", [emitter.name(inputs[0]!), emitter.int64([])]),
        constantOf("int32", [toSigned(hashCounter(stream))], []),
      ]),
    );
    // Counters are the sum of row start and column, which keeps the constants small.
    const count = elementCount(shape);
    const columns = shape.length === 0 ? 1 : shape.at(-1)!;
    const rows = count / columns;
    const columnPart = Array.from({ length: columns }, (_, i) => Math.imul(i, counterFactor));
    const rowPart = Array.from({ length: rows }, (_, i) => Math.imul(i * columns, counterFactor));
    const row = node("Add", [constantOf("int32", rowPart, [rows, 1]), key]);
    const counter = node("Add", [row, constantOf("int32", columnPart, [1, columns])]);
    const bits = node("Cast", [shifted(hash(counter), 8)], { to: { int: 1 } });
    const uniform = node("Mul", [bits, emitter.float(2 ** -24)]);
    emitter.node("Reshape", [uniform, emitter.int64(shape)], [emitter.name(outputs[0]!)]);
  },
};

/**
 * Uniform numbers in [0, 1) of the given shape, a pure function of `seed` (one int32, passed anew in each step) and `stream` (an integer
 * that is different for each draw of a step). No gradient flows.
 */
export const randomUniform = (seed: Tensor, stream: number, shape: Shape): Tensor<"float32"> =>
  applied(uniformOperation, [seed], { shape: [...shape], stream });

/** Bool mask that is true with the given probability. */
export const bernoulli = (seed: Tensor, stream: number, shape: Shape, probability: number): Tensor<"bool"> =>
  less(randomUniform(seed, stream, shape), probability);
