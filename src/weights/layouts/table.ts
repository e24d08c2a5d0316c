/**
 * Defines layouts as tables: each row pairs our names with those of a published file and says how the numbers are
 * transposed. The same table serves reading and writing.
 */
import { WeightsError } from "../../formats/error.js";

export type Shape = readonly number[];

/** One step of the conversion of a tensor from our form to theirs; each step is invertible. */
export type Step =
  | { readonly permute: readonly number[] }
  /** `back` gives the shape before from the one after, where it follows from it. */
  | { readonly reshape: (shape: Shape) => Shape; readonly back?: (shape: Shape) => Shape };

/**
 * A pair of names. `{l}` stands for a whole number; in `theirs` also `{l-1}` (counted from 0 where ours counts from 1)
 * and `{l:2}` (at least two digits). `{rest...}` stands for anything.
 */
export interface Row {
  /** Several tensors of ours are concatenated in one of theirs, along its first axis. */
  readonly ours: string | readonly string[];
  readonly theirs: string;
  readonly steps?: readonly Step[];
  /** All tensors of ours, in ascending order of their number, are stacked in one of theirs along a new first axis. */
  readonly stacked?: boolean;
}

/** Converts between names and the values of their placeholders. */
interface Pattern {
  match(name: string): Readonly<Record<string, string>> | undefined;
  write(values: Readonly<Record<string, string>>): string;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const placeholder = /\{([a-z]+)(\.\.\.|-1|:2)?\}/g;

function pattern(text: string): Pattern {
  const names: { name: string; offset: number; digits: number }[] = [];
  let source = "";
  let end = 0;
  for (const match of text.matchAll(placeholder)) {
    const [whole, name, form] = match as unknown as [string, string, string | undefined];
    source += escaped(text.slice(end, match.index));
    source += form === "..." ? "(.+)" : "(\\d{1,9})";
    names.push({ name, offset: form === "-1" ? 1 : 0, digits: form === ":2" ? 2 : form === "..." ? -1 : 1 });
    end = match.index + whole.length;
  }
  const expression = new RegExp(`^${source}${escaped(text.slice(end))}$`);
  const shown = ({ offset, digits }: (typeof names)[number], value: string) =>
    digits < 0 ? value : String(Number(value) - offset).padStart(digits, "0");
  return {
    match(name) {
      const found = expression.exec(name);
      if (!found) return undefined;
      return Object.fromEntries(
        names.map(({ name: key, offset, digits }, i) => {
          const value = found[i + 1]!;
          return [key, digits < 0 ? value : String(Number(value) + offset)];
        }),
      );
    },
    write(values) {
      let i = 0;
      return text.replace(placeholder, () => {
        const field = names[i++]!;
        return shown(field, values[field.name]!);
      });
    },
  };
}

interface CompiledRow {
  readonly row: Row;
  readonly ours: readonly Pattern[];
  readonly theirs: Pattern;
}

const compile = (rows: readonly Row[]): CompiledRow[] =>
  rows.map((row) => ({
    row,
    ours: (typeof row.ours === "string" ? [row.ours] : row.ours).map(pattern),
    theirs: pattern(row.theirs),
  }));

/** A parameter of ours. */
export interface Named {
  readonly name: string;
  readonly shape: Shape;
}

/** One tensor of theirs and the parameters of ours that it contains, in order. */
export interface Assignment {
  readonly theirs: string;
  readonly shape: Shape;
  readonly steps: readonly Step[];
  readonly parts: readonly Named[];
}

const productOf = (shape: Shape) => shape.reduce((product, side) => product * side, 1);

/** The shapes of a tensor after each step of the conversion to theirs, starting with its own. */
function shapesAlong(shape: Shape, steps: readonly Step[]): Shape[] {
  const shapes = [shape];
  for (const step of steps) {
    const last = shapes.at(-1)!;
    shapes.push("permute" in step ? step.permute.map((axis) => last[axis]!) : step.reshape(last));
  }
  return shapes;
}

/** Finds the tensor of theirs that contains each parameter of ours; `unplaced` are those without a row. */
export function assign(
  parameters: readonly Named[],
  rows: readonly Row[],
): { assignments: Assignment[]; unplaced: string[] } {
  const compiled = compile(rows);
  const found = new Map<string, { row: Row; parts: { order: readonly [number, number]; named: Named }[] }>();
  const unplaced: string[] = [];
  for (const named of parameters) {
    let placed = false;
    for (const { row, ours, theirs } of compiled) {
      const at = ours.findIndex((candidate) => candidate.match(named.name));
      if (at < 0) continue;
      const values = ours[at]!.match(named.name)!;
      const name = theirs.write(values);
      const entry = found.get(name) ?? { row, parts: [] };
      found.set(name, entry);
      entry.parts.push({ order: [at, row.stacked ? Number(values["l"]) : 0], named });
      placed = true;
      break;
    }
    if (!placed) unplaced.push(named.name);
  }
  const assignments = [...found].map(([theirs, { row, parts }]): Assignment => {
    const ordered = parts.sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1]).map(({ named }) => named);
    const steps = row.steps ?? [];
    const shapes = ordered.map(({ shape }) => shapesAlong(shape, steps).at(-1)!);
    const first = shapes[0]!;
    let shape = first;
    if (row.stacked) shape = [shapes.length, ...first];
    else if (shapes.length > 1) shape = [shapes.reduce((sum, part) => sum + part[0]!, 0), ...first.slice(1)];
    return { theirs, shape, steps, parts: ordered };
  });
  return { assignments, unplaced };
}

/** The known shape of each parameter of ours in a file, or its size along one axis if a step hides the shape. */
export type View = ReadonlyMap<string, Shape>;

/** More parameters than any network has: a stacked file that claims more is damaged. */
const maxNames = 100_000;

/** Our names for the contents of a file, with the shapes they have in our form. */
export function viewOf(entries: ReadonlyMap<string, { readonly shape: Shape }>, rows: readonly Row[]): View {
  const compiled = compile(rows);
  const view = new Map<string, Shape>();
  for (const [name, { shape }] of entries) {
    for (const { row, ours, theirs } of compiled) {
      const values = theirs.match(name);
      if (!values) continue;
      const count = row.stacked ? (shape[0] ?? 0) : 1;
      if (view.size + count > maxNames)
        throw new WeightsError(`"${name}" has ${count} blocks, more than any network has`);
      const own = row.stacked ? shape.slice(1) : shape;
      for (let l = 0; l < count; l++) {
        for (const one of ours) {
          view.set(one.write(row.stacked ? { ...values, l: String(l) } : values), ourShape(own, row, ours.length));
        }
      }
      break;
    }
  }
  return view;
}

function ourShape(theirs: Shape, { steps = [] }: Row, parts: number): Shape {
  if (parts > 1) return [productOf(theirs) / parts];
  let shape = theirs;
  for (const step of [...steps].reverse()) {
    if ("reshape" in step) {
      if (!step.back) return [productOf(theirs)];
      shape = step.back(shape);
      continue;
    }
    if (step.permute.length !== shape.length) return [productOf(theirs)];
    const back: number[] = [];
    step.permute.forEach((axis, i) => {
      back[axis] = shape[i]!;
    });
    shape = back;
  }
  return shape;
}

/** Transposes an array: axis i of the result is axis `order[i]` of the input. */
export function permuted(data: Float32Array, shape: Shape, order: readonly number[]): Float32Array {
  const rank = shape.length;
  const strides = new Array<number>(rank).fill(1);
  for (let axis = rank - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  const sides = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const out = new Float32Array(data.length);
  if (data.length === 0 || rank === 0) return data.slice();
  const inner = sides[rank - 1]!;
  const step = steps[rank - 1]!;
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; ) {
    for (let i = 0, at = from; i < inner; i++, at += step) out[to++] = data[at]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++index[axis]! < sides[axis]!) break;
      from -= sides[axis]! * steps[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

const inverse = (order: readonly number[]): number[] => {
  const back: number[] = [];
  order.forEach((axis, i) => {
    back[axis] = i;
  });
  return back;
};

/** The parameters of ours in a tensor of theirs; views of it if nothing is transposed. */
export function toOurs({ steps, parts }: Assignment, data: Float32Array): Map<string, Float32Array> {
  const result = new Map<string, Float32Array>();
  let offset = 0;
  for (const { name, shape } of parts) {
    const size = productOf(shape);
    let own = data.subarray(offset, offset + size);
    offset += size;
    const shapes = shapesAlong(shape, steps);
    for (let i = steps.length - 1; i >= 0; i--) {
      const step = steps[i]!;
      if ("permute" in step) own = permuted(own, shapes[i + 1]!, inverse(step.permute));
    }
    result.set(name, own);
  }
  return result;
}

/** A tensor of theirs from the parameters of ours that it contains. */
export function toTheirs({ steps, parts }: Assignment, get: (name: string) => Float32Array): Float32Array {
  const pieces = parts.map(({ name, shape }) => {
    const shapes = shapesAlong(shape, steps);
    let data = get(name);
    if (data.length !== productOf(shape)) {
      throw new WeightsError(
        `${name} has ${data.length} numbers; expected ${productOf(shape)} for its shape [${shape.join(", ")}]`,
      );
    }
    for (const [i, step] of steps.entries()) {
      if ("permute" in step) data = permuted(data, shapes[i]!, step.permute);
    }
    return data;
  });
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

/** Merges the axes from `from` on into one. */
const mergedFrom = (from: number): Step => ({ reshape: (s) => [...s.slice(0, from), productOf(s.slice(from))] });
/** Merges the first `count` axes into one. */
const mergedFirst = (count: number): Step => ({ reshape: (s) => [productOf(s.slice(0, count)), ...s.slice(count)] });

/** The conversions that published layouts need. */
export const turns = {
  /** Dense kernel [in, out] to PyTorch's [out, in]. */
  dense: [{ permute: [1, 0] }],
  /** Query, key and value kernels [d, h, dh] to [h dh, d]. */
  intoHeads: [mergedFrom(1), { permute: [1, 0] }],
  /** The biases of query, key and value, [h, dh] to [h dh]. */
  headBias: [mergedFrom(0)],
  /** Output kernel [h, dh, d] to [d, h dh]. */
  outOfHeads: [mergedFirst(2), { permute: [1, 0] }],
  /** Patch kernel [p, p, C, d] to PyTorch's [d, C, p, p]. */
  patches: [{ permute: [3, 2, 0, 1] }],
  /** A table [1, n, d] to [n, d]. */
  table: [{ reshape: (s: Shape) => s.slice(1), back: (s: Shape) => [1, ...s] }],
  /** A token [1, 1, d] to [d]. */
  token: [{ reshape: (s: Shape) => s.slice(2), back: (s: Shape) => [1, 1, ...s] }],
  /** Convolution kernel OIHW to HWIO. */
  convolution: [{ permute: [2, 3, 1, 0] }],
  /** Dense kernel [in, out] as a 1x1 convolution, HWIO. */
  pointwise: [{ reshape: (s: Shape) => [1, 1, ...s] }],
  /** Dense kernel [in, out] as a 1x1 convolution, OIHW. */
  pointwiseOIHW: [{ permute: [1, 0] }, { reshape: (s: Shape) => [...s, 1, 1] }],
} as const satisfies Record<string, readonly Step[]>;
