/**
 * Merges two graphs traced with different batch sizes into one with a dynamic batch.
 *
 * Shapes are static in a traced graph, so the batch size occurs as numbers in the shapes of Reshape and Expand. The same network traced with
 * two batch sizes has the same nodes, and constants differ only by the batch size.
 */
import {
  freeSide,
  type NamedType,
  type OnnxGraph,
  type OnnxNode,
  onnxNode,
  Rewriter,
  type TensorType,
} from "../graph/index.js";
import { ExportError } from "./error.js";

/** A graph and the batch size it was traced with. */
export interface TracedBatch {
  readonly graph: OnnxGraph;
  readonly batch: number;
}

/**
 * Returns the graph with a dynamic batch. Throws ExportError with the node if something else than the sizes of shapes depends on the batch, or
 * if a size is not a multiple of it.
 */
export function withFreeBatch(a: TracedBatch, b: TracedBatch): OnnxGraph {
  const left = new Rewriter(a.graph);
  const right = new Rewriter(b.graph);
  const nodes: OnnxNode[] = [];
  const pixels = a.graph.inputs[0]!.name;
  const sizes = new Map<string, string>();

  // Computes a shape at run time: the batch size times a factor where it depends on the batch.
  const runtimeShape = (first: readonly number[], factors: readonly (number | undefined)[]): string => {
    const key = factors.map((factor, i) => (factor === undefined ? first[i] : `${factor}n`)).join();
    const known = sizes.get(key);
    if (known !== undefined) return known;
    let batch = sizes.get("n");
    if (batch === undefined) {
      batch = left.fresh("batch");
      nodes.push(onnxNode("Shape", [pixels], [batch], { start: { int: 0 }, end: { int: 1 } }));
      sizes.set("n", batch);
    }
    const parts = factors.map((factor, i) => {
      if (factor === undefined) return left.int64([first[i]!]);
      if (factor === 1) return batch;
      const product = left.fresh("rows");
      nodes.push(onnxNode("Mul", [batch, left.int64([factor])], [product]));
      return product;
    });
    const shape = left.fresh("shape");
    nodes.push(onnxNode("Concat", parts, [shape], { axis: { int: 0 } }));
    sizes.set(key, shape);
    return shape;
  };

  const same = sameNames(a.graph, b.graph);
  a.graph.nodes.forEach((one, index) => {
    const other = b.graph.nodes[index];
    const where = `${one.type} (node ${index}, which makes ${one.outputs[0]})`;
    if (!other || !sameKind(one, other)) {
      throw new ExportError(`${where} is ${other?.type ?? "missing"} with another batch; it cannot be left free`);
    }
    const inputs = one.inputs.map((name, i) => {
      const changed = changedSizes(left, name, right, other.inputs[i]!, a.batch, b.batch, where);
      if (changed === "same") return name;
      if (changed === "value") {
        if (!same(name, other.inputs[i]!)) {
          throw new ExportError(`${where} reads ${name}, which changes with the batch; it cannot be left free`);
        }
        return name;
      }
      const free = changed.factors.filter((factor) => factor !== undefined).length;
      if (one.type !== "Reshape" || free > 1 || changed.values.includes(-1)) {
        return runtimeShape(changed.values, changed.factors);
      }
      const values = changed.values.map((value, axis) => (changed.factors[axis] === undefined ? value : -1));
      return left.int64(values);
    });
    nodes.push({ ...one, inputs });
  });
  return {
    ...left.finish(nodes),
    inputs: a.graph.inputs.map((one, i) => freed(one, b.graph.inputs[i]!)),
    outputs: a.graph.outputs.map((one, i) => freed(one, b.graph.outputs[i]!)),
    types: freedTypes(a.graph, b.graph),
  };
}

function freedTypes(a: OnnxGraph, b: OnnxGraph): Map<string, TensorType> {
  const types = new Map(a.types);
  a.nodes.forEach(({ outputs }, index) => {
    outputs.forEach((name, i) => {
      const type = a.types?.get(name);
      const other = b.types?.get(b.nodes[index]!.outputs[i]!);
      if (type && other) types.set(name, freedType(type, other));
    });
  });
  return types;
}

/** The type with a symbolic batch: the side that differs. */
const freedType = (a: TensorType, b: TensorType): TensorType => ({
  dtype: a.dtype,
  shape: a.shape.map((side, axis) => (side === b.shape[axis] ? side : freeSide)),
});

const freed = (a: NamedType, b: NamedType): NamedType => ({ name: a.name, type: freedType(a.type, b.type) });

const sameKind = (a: OnnxNode, b: OnnxNode): boolean =>
  a.type === b.type &&
  a.domain === b.domain &&
  a.inputs.length === b.inputs.length &&
  a.outputs.length === b.outputs.length &&
  JSON.stringify(a.attributes) === JSON.stringify(b.attributes);

/** Returns a function that tests whether two names are the same value; each trace has its own numbering of values. */
function sameNames(a: OnnxGraph, b: OnnxGraph): (left: string, right: string) => boolean {
  const pairs = new Map<string, string>();
  a.inputs.forEach(({ name }, i) => {
    pairs.set(name, b.inputs[i]?.name ?? "");
  });
  a.nodes.forEach(({ outputs }, index) => {
    outputs.forEach((name, i) => {
      pairs.set(name, b.nodes[index]?.outputs[i] ?? "");
    });
  });
  return (left, right) => left === right || pairs.get(left) === right;
}

type Changed =
  | "same"
  /** Not a constant: the names must be compared. */
  | "value"
  /** Sizes, and for each the factor of the batch size; undefined if it does not depend on it. */
  | { readonly values: readonly number[]; readonly factors: readonly (number | undefined)[] };

function changedSizes(
  left: Rewriter,
  name: string,
  right: Rewriter,
  other: string,
  a: number,
  b: number,
  where: string,
): Changed {
  const constant = left.constants.get(name);
  const constantOther = right.constants.get(other);
  if (!constant || !constantOther) return "value";
  if (
    constant.type.dtype === constantOther.type.dtype &&
    constant.type.shape.join() === constantOther.type.shape.join() &&
    Buffer.compare(constant.bytes, constantOther.bytes) === 0
  ) {
    return "same";
  }
  const values = left.int64Values(name);
  const others = right.int64Values(other);
  if (!values || values.length !== others?.length) {
    throw new ExportError(`${where} reads a constant that changes with the batch; it cannot be left free`);
  }
  const factors = values.map((value, i) => {
    if (value === others[i]) return undefined;
    const factor = value / a;
    if (!Number.isInteger(factor) || factor * b !== others[i]) {
      throw new ExportError(
        `${where} takes the size ${value} for a batch of ${a} and ${others[i]} for one of ${b}, which is no multiple of it`,
      );
    }
    return factor;
  });
  return { values, factors };
}
