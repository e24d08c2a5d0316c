/** Nearest training images of test images in feature space, and how far they agree with what a network predicts. */
import { argmax } from "../../algebra/argmax.js";
import { type Features, rowOf } from "../../algebra/features.js";
import { productTransposed } from "../../algebra/products.js";
import { normalised } from "../../networks/index.js";

/** The nearest row of a bank, for each query. */
export interface Nearest {
  readonly rows: Int32Array;
  /** Cosine similarities. */
  readonly similarities: Float64Array;
}

/** Queries that are compared with the whole bank at a time. */
const queriesAtOnce = 256;

/** The row of the bank with the highest cosine similarity, for each query; of equals the first. Both are [rows, width]. */
export async function nearestRows(queries: Features, bank: Features, threads?: number): Promise<Nearest> {
  const [wanted, all] = [normalised(queries), normalised(bank)];
  const rows = new Int32Array(wanted.rows);
  const similarities = new Float64Array(wanted.rows);
  for (let from = 0; from < wanted.rows; from += queriesAtOnce) {
    const count = Math.min(queriesAtOnce, wanted.rows - from);
    const data = wanted.data.slice(from * wanted.columns, (from + count) * wanted.columns);
    const found = await productTransposed({ data, rows: count, columns: wanted.columns }, all, { threads });
    for (let i = 0; i < count; i++) {
      const row = rowOf(found, i);
      const best = argmax(row);
      rows[from + i] = best;
      similarities[from + i] = row[best] ?? Number.NaN;
    }
  }
  return { rows, similarities };
}

/** What is known of each test image: three labels. */
export interface NearestLabels {
  readonly predicted: ArrayLike<number>;
  readonly nearest: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Fractions of test images. */
export interface Agreement {
  /** The prediction is the label of the nearest training image. */
  readonly agreement: number;
  /** The label of the nearest training image is right. */
  readonly nearestAccuracy: number;
  /** The prediction is right. */
  readonly accuracy: number;
  /** Among wrong predictions: the prediction is the label of the nearest training image. NaN where none is wrong. */
  readonly agreementOfMistakes: number;
}

/** Counts agreements. */
export function agreementOf({ predicted, nearest, labels }: NearestLabels): Agreement {
  const counts = { agrees: 0, nearestRight: 0, right: 0, mistakes: 0, agreeingMistakes: 0 };
  for (let i = 0; i < labels.length; i++) {
    const agrees = predicted[i] === nearest[i];
    const isRight = predicted[i] === labels[i];
    if (agrees) counts.agrees++;
    if (nearest[i] === labels[i]) counts.nearestRight++;
    if (isRight) counts.right++;
    else {
      counts.mistakes++;
      if (agrees) counts.agreeingMistakes++;
    }
  }
  return {
    agreement: counts.agrees / labels.length,
    nearestAccuracy: counts.nearestRight / labels.length,
    accuracy: counts.right / labels.length,
    agreementOfMistakes: counts.agreeingMistakes / counts.mistakes,
  };
}
