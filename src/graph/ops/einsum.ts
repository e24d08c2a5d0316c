/**
 * Einstein summation as transposes, sums and matrix products, so that gradients, FLOPs and devices are those of these operations.
 *
 * Operands are contracted from left to right. Of two operands, the axes that both have are a batch of products if a later operand or the
 * output needs them, and are summed by the product otherwise.
 */
import {
  broadcastShapes,
  type DType,
  describe,
  isFloat,
  requireSameDType,
  ShapeError,
  type Tensor,
} from "../tensor.js";
import { multiply } from "./elementwise.js";
import { gemm, matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";
import { expand, reshape, slice, transpose } from "./shape.js";

/** A tensor whose axes have labels: a letter of the equation, or a number for an axis that the ellipsis stands for. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/**
 * Einstein summation, as `torch.einsum`: for each operand the equation has one letter for each axis, and axes of the same letter are
 * multiplied entry by entry. Letters that the output after `->` does not have are summed; without `->` it has, in alphabetical order, the
 * letters that occur once. A letter that an operand has twice takes its diagonal. `...` stands for leading axes that broadcast.
 *
 * `einsum("bqd,bkd->bqk", q, k)` is a batch of products of q with k transposed. Throws ShapeError with the equation and the operands.
 */
export function einsum<D extends DType>(equation: string, ...operands: readonly Tensor<D>[]): Tensor<D> {
  const fail = (problem: string): never => {
    throw new ShapeError(`einsum: "${equation}" of ${operands.map(describe).join(" and ")}: ${problem}`);
  };
  const [left = "", right, ...rest] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (rest.length > 0) fail("more than one ->");
  if (operands.length === 0 || terms.length !== operands.length) {
    fail(`${terms.length} terms for ${operands.length} operands; write one term for each, separated by commas`);
  }
  for (const term of right === undefined ? terms : [...terms, right]) {
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) fail(`unexpected "${term}"; expected letters and at most one ...`);
  }
  if (!isFloat(requireSameDType("einsum", operands))) fail("expected float tensors; cast them first");
  const broadcast = ellipsisShape(operands, terms, fail);
  const ellipsis = broadcast.map((_, i) => `${i}`);
  const sides = new Map(broadcast.map((side, i) => [`${i}`, side]));
  const parts = operands.map((operand, i) => labelled(operand, terms[i] ?? "", broadcast, sides, fail));
  const output = right === undefined ? implicitOutput(terms, ellipsis) : labelsOf(right, ellipsis);
  for (const label of output) {
    if (!sides.has(label)) fail(`the output has "${label}", which no operand has`);
    if (output.indexOf(label) !== output.lastIndexOf(label)) fail(`the output has "${label}" twice`);
  }
  if (
    right !== undefined &&
    !right.includes("...") &&
    terms.some((term) => term.includes("...")) &&
    ellipsis.length > 0
  ) {
    fail("the operands have ..., the output does not; add it to the output");
  }
  const product = parts.reduce((total, part, i) => {
    const needed = new Set([...output, ...parts.slice(i + 1).flatMap(({ labels }) => labels)]);
    return contract(total, part, needed);
  });
  const { tensor, labels } = summedOver(product, new Set(output));
  return transpose(
    tensor as Tensor<D>,
    output.map((label) => labels.indexOf(label)),
  );
}

/** Labels of a term, with those of the ellipsis in its place. */
const labelsOf = (term: string, ellipsis: readonly string[]): string[] => {
  const [before = "", after] = term.split("...");
  return after === undefined ? [...before] : [...before, ...ellipsis, ...after];
};

/** Labels that occur once in all terms, in alphabetical order, after those of the ellipsis. */
function implicitOutput(terms: readonly string[], ellipsis: readonly string[]): string[] {
  const letters = terms.flatMap((term) => [...term.replace("...", "")]);
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter));
  return [...ellipsis, ...once.sort()];
}

/** Broadcast shape of the axes for which the ellipses stand. */
function ellipsisShape(
  operands: readonly Tensor[],
  terms: readonly string[],
  fail: (problem: string) => never,
): readonly number[] {
  return operands.reduce<readonly number[]>((shape, operand, i) => {
    const term = terms[i] ?? "";
    const letters = term.replace("...", "").length;
    const hasEllipsis = term.includes("...");
    const others = operand.shape.length - letters;
    if (others < 0 || (others > 0 && !hasEllipsis)) {
      fail(`"${term}" has ${letters} letters, and ${describe(operand)} has ${operand.shape.length} axes`);
    }
    const start = term.indexOf("...");
    return hasEllipsis ? broadcastShapes("einsum", shape, operand.shape.slice(start, start + others)) : shape;
  }, []);
}

/** Labels the axes of an operand, records their sides, expands its ellipsis and takes the diagonals of repeated letters. */
function labelled(
  operand: Tensor,
  term: string,
  broadcast: readonly number[],
  sides: Map<string, number>,
  fail: (problem: string) => never,
): Labelled {
  const [before = "", after] = term.split("...");
  const labels = labelsOf(
    term,
    broadcast.map((_, i) => `${i}`),
  );
  let tensor = operand;
  if (after !== undefined) {
    const [leading, trailing] = [
      operand.shape.slice(0, before.length),
      operand.shape.slice(operand.shape.length - after.length),
    ];
    const own = operand.shape.slice(before.length, operand.shape.length - after.length);
    const missing = broadcast.slice(own.length).map(() => 1);
    tensor = expand(reshape(operand, [...leading, ...missing, ...own, ...trailing]), [
      ...leading,
      ...broadcast,
      ...trailing,
    ]);
  }
  labels.forEach((label, axis) => {
    const side = tensor.shape[axis] ?? 0;
    const known = sides.get(label) ?? side;
    if (known !== side) fail(`"${label}" is ${known} and ${side}; make the sides equal`);
    sides.set(label, side);
  });
  return withoutRepeats({ tensor, labels });
}

/** Takes the diagonal of axes with the same label: with both axes merged into one, every (side + 1)-th entry. */
function withoutRepeats(part: Labelled): Labelled {
  const { tensor, labels } = part;
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return part;
  const first = labels.indexOf(labels[second] ?? "");
  const others = labels.flatMap((_, axis) => (axis === first || axis === second ? [] : [axis]));
  const side = tensor.shape[first] ?? 0;
  const rest = others.map((axis) => tensor.shape[axis] ?? 0);
  const merged = reshape(transpose(tensor, [...others, first, second]), [...rest, side * side]);
  const diagonal = slice(
    merged,
    merged.shape.map(() => 0),
    merged.shape,
    [...rest.map(() => 1), side + 1],
  );
  return withoutRepeats({ tensor: diagonal, labels: [...others, first].map((axis) => labels[axis] ?? "") });
}

/** Sums the axes whose labels are not needed. */
function summedOver({ tensor, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]));
  return { tensor: reduceSum(tensor, axes), labels: labels.filter((label) => needed.has(label)) };
}

const sizeOf = ({ tensor, labels }: Labelled, of: readonly string[]): number =>
  of.reduce((size, label) => size * (tensor.shape[labels.indexOf(label)] ?? 1), 1);

/** Reorders the axes to the given groups, each merged into one axis (`merged`) or kept. */
function arranged(part: Labelled, kept: readonly string[], ...merged: readonly (readonly string[])[]): Tensor {
  const order = [...kept, ...merged.flat()].map((label) => part.labels.indexOf(label));
  const sides = kept.map((label) => sizeOf(part, [label]));
  return reshape(transpose(part.tensor, order), [...sides, ...merged.map((group) => sizeOf(part, group))]);
}

/** Multiplies two operands and sums the labels that only they have and that are not needed. */
function contract(left: Labelled, right: Labelled, needed: ReadonlySet<string>): Labelled {
  const a = summedOver(left, new Set([...needed, ...right.labels]));
  const b = summedOver(right, new Set([...needed, ...left.labels]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  const shape = [
    ...[...batch, ...rows].map((label) => sizeOf(a, [label])),
    ...columns.map((label) => sizeOf(b, [label])),
  ];
  if (inner.length === 0) {
    // Nothing is summed: a product with broadcasting is one pass.
    const [x, y] = [arranged(a, batch, rows, []), arranged(b, batch, [], columns)];
    return { tensor: reshape(multiply(x, y), shape), labels };
  }
  // A matrix whose axes already come in the other order is read transposed by the product.
  const isOther = (part: Labelled, one: readonly string[], other: readonly string[]) =>
    !isOrdered(part, [...batch, ...one, ...other]) && isOrdered(part, [...batch, ...other, ...one]);
  const transposeA = isOther(a, rows, inner);
  const transposeB = isOther(b, inner, columns);
  const x = transposeA ? arranged(a, batch, inner, rows) : arranged(a, batch, rows, inner);
  const y = transposeB ? arranged(b, batch, columns, inner) : arranged(b, batch, inner, columns);
  const options = { transposeA, transposeB };
  // The gradient of the 2-D form transposes the smaller operand (matmul.ts).
  const product = batch.length === 0 ? gemm(x, y, undefined, options) : matmul(x, y, options);
  return { tensor: reshape(product, shape), labels };
}

const isOrdered = ({ labels }: Labelled, order: readonly string[]): boolean => labels.join(" ") === order.join(" ");
