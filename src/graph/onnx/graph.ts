/** Defines ONNX graphs as plain data: the writer's output, which export passes transform. */
import type { StoredType } from "../element-types.js";
import type { OnnxAttribute, TensorType } from "../tensor.js";

/** Symbolic side of a shape, set in each run: the batch size. */
export const freeSide = -1;
/** Symbolic sides of images, set in each run. */
export const freeHeight = -2;
export const freeWidth = -3;
/** Names of the symbolic sides in a model file. */
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
  /** Names of the input values; an empty name means that an optional input is omitted. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute | { readonly graph: OnnxGraph }>>;
  /** Empty for the default ONNX domain. */
  readonly domain: string;
}

/** A constant stored in the model. */
export interface Initializer {
  readonly name: string;
  readonly type: { readonly dtype: StoredType; readonly shape: readonly number[] };
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order: every value is computed before it is used. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly NamedType[];
  readonly outputs: readonly NamedType[];
  /** Known types of values by name; used by passes, not written into a model. */
  readonly types?: ReadonlyMap<string, TensorType>;
}
