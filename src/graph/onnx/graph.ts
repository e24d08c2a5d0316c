/** An ONNX graph as plain data: what the writer makes of a traced graph, and what the passes of an export change. */
import type { StoredType } from "../element-types.js";
import type { OnnxAttribute, TensorType } from "../tensor.js";

/** Side of a shape that is given at each run: the batch. */
export const freeSide = -1;
/** Sides of images that are given at each run. */
export const freeHeight = -2;
export const freeWidth = -3;
/** What a file calls sides that are free. */
export const freeSideNames: Readonly<Record<number, string>> = {
  [freeSide]: "batch",
  [freeHeight]: "height",
  [freeWidth]: "width",
};

/** An input or output of a model; a side may be `freeSide`, `freeHeight` or `freeWidth`. */
export interface NamedType {
  readonly name: string;
  readonly type: TensorType;
}

export interface OnnxNode {
  readonly type: string;
  /** Names of values; an empty one is an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute | { readonly graph: OnnxGraph }>>;
  /** Empty for ONNX's own operators. */
  readonly domain: string;
}

/** A value written into the model. */
export interface Initializer {
  readonly name: string;
  readonly type: { readonly dtype: StoredType; readonly shape: readonly number[] };
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order in which every value is made before it is read. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly NamedType[];
  readonly outputs: readonly NamedType[];
  /** Types of values by name, as far as they are known; for passes, not written into a model. */
  readonly types?: ReadonlyMap<string, TensorType>;
}
