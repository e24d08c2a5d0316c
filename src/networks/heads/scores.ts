/** Computes the logits of a head for features on the host. */
import type { Features } from "../../algebra/features.js";
import { type ProductOptions, product, productTransposed } from "../../algebra/products.js";
import { type Head, type LinearHead, type NeighbourHead, requireWidth } from "./head.js";

/** Added to the shares of votes, so that the logarithm of a zero share is finite; the exported graph adds the same. */
export const smallestShare = 1e-12;

/** Rows of similarities in memory at a time: 1,024 of them to 100,000 stored features take 0.8 GB less than all. */
const rowsAtOnce = 1024;

/** Logits [rows, classes] of features [rows, width]. Throws for features of another width. */
export async function headScores(head: Head, features: Features, options: ProductOptions = {}): Promise<Features> {
  requireWidth(head.width, features);
  return head.kind === "linear"
    ? await linearScores(head, features, options)
    : await neighbourScores(head, features, options);
}

const doubles = ({ data, rows, columns }: Features) => ({
  data: data instanceof Float64Array ? data : Float64Array.from(data),
  rows,
  columns,
});

async function linearScores(
  { kernel, bias, width, classes }: LinearHead,
  features: Features,
  options: ProductOptions,
): Promise<Features> {
  const found = await product(doubles(features), { data: kernel, rows: width, columns: classes }, options);
  for (let at = 0; at < found.data.length; at++) found.data[at]! += bias[at % classes]!;
  return found;
}

async function neighbourScores(head: NeighbourHead, features: Features, options: ProductOptions): Promise<Features> {
  const { bank, labels, width, classes, k, temperature, sharpness } = head;
  const stored = { data: Float64Array.from(bank), rows: labels.length, columns: width };
  const scores = new Float64Array(features.rows * classes);
  for (let first = 0; first < features.rows; first += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, features.rows - first);
    const part = normalised({
      data: features.data.subarray(first * width, (first + rows) * width),
      rows,
      columns: width,
    });
    const similar = await productTransposed(part, stored, options);
    for (let row = 0; row < rows; row++) {
      const similarities = similar.data.subarray(row * labels.length, (row + 1) * labels.length);
      const at = (first + row) * classes;
      let total = 0;
      for (const index of highest(similarities, k)) {
        const vote = Math.exp(similarities[index]! / temperature);
        scores[at + labels[index]!]! += vote;
        total += vote;
      }
      for (let c = 0; c < classes; c++) scores[at + c] = sharpness * Math.log(scores[at + c]! / total + smallestShare);
    }
  }
  return { data: scores, rows: features.rows, columns: classes };
}

/** Rows normalised to length 1; a row of zeros is unchanged. */
export function normalised({ data, rows, columns }: Features): {
  data: Float64Array;
  rows: number;
  columns: number;
} {
  const out = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let at = row * columns; at < (row + 1) * columns; at++) squares += data[at]! ** 2;
    const length = squares === 0 ? 1 : Math.sqrt(squares);
    for (let at = row * columns; at < (row + 1) * columns; at++) out[at] = data[at]! / length;
  }
  return { data: out, rows, columns };
}

/** The indices of the k highest values, highest first; of equals the lower index. */
export function highest(values: Float64Array, k: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (found.length === k && values[i]! <= values[found[k - 1]!]!) continue;
    let at = found.length;
    while (at > 0 && values[i]! > values[found[at - 1]!]!) at--;
    found.splice(at, 0, i);
    if (found.length > k) found.pop();
  }
  return found;
}
