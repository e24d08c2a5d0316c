/** Plain float64 arrays with a shape, and seeded values to fill them: what the references compute with. */

export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

/** The position in row-major order of an index. */
export function offset(shape: readonly number[], index: readonly number[]): number {
  let position = 0;
  for (let axis = 0; axis < shape.length; axis++) position = position * shape[axis]! + index[axis]!;
  return position;
}

/** The index of a position in row-major order. */
export function indexAt(shape: readonly number[], position: number): number[] {
  const index = new Array<number>(shape.length);
  let rest = position;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}

/** An array whose entry at each index is what `value` returns for it. */
export function build(shape: readonly number[], value: (index: number[]) => number): Array64 {
  const data = new Float64Array(count(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(indexAt(shape, i));
  return { shape: [...shape], data };
}

export const at = (x: Array64, index: readonly number[]): number => x.data[offset(x.shape, index)]!;

export const array = (shape: readonly number[], values: ArrayLike<number>): Array64 => {
  if (values.length !== count(shape)) throw new Error(`${values.length} values for [${shape}]`);
  return { shape: [...shape], data: Float64Array.from(values) };
};

/** Uniform numbers in [0, 1), a fixed sequence a seed: Park and Miller's minimal standard generator (CACM 31, 1988). */
export function seeded(seed: number): () => number {
  let state = ((Math.abs(Math.floor(seed)) * 2654435761 + 12345) % 2147483646) + 1;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return (state - 1) / 2147483646;
  };
  for (let i = 0; i < 4; i++) next();
  return next;
}

/** A seed from a text (FNV-1a). */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
