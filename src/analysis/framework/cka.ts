/**
 * Linear centred kernel alignment (CKA): how similar two representations of the same images are, whatever their widths (Kornblith et al.,
 * "Similarity of Neural Network Representations Revisited", 2019, arXiv:1905.00414).
 *
 * With the Gram matrices K = X X^T and L = Y Y^T of n images, CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)). It is 1 for representations that
 * differ by a rotation and a scale.
 */
import type { Features } from "../../algebra/features.js";
import type { Matrix } from "../../algebra/matrix.js";
import { gram } from "../../algebra/products.js";

/**
 * Estimator of HSIC, the Hilbert-Schmidt independence criterion.
 *
 * - `unbiased`: the U-statistic (Song et al., "Feature Selection via Dependence Maximization", 2012), which is near 0 for independent
 *   representations whatever their widths, and can be negative. It needs at least 4 images, and its mean over batches estimates the value of
 *   all images (Nguyen et al., "Do Wide and Deep Networks Learn the Same Things?", 2021, arXiv:2010.15327).
 * - `plain`: of double-centred matrices (Kornblith et al.), which rises towards 1 for independent representations that are wider than n.
 */
export type HsicEstimator = "unbiased" | "plain";

/** Fewest images that an estimator can use. */
export const fewestImages: Readonly<Record<HsicEstimator, number>> = { unbiased: 4, plain: 2 };

/** A centred Gram matrix [n, n] of a batch of images: HSIC of two of them is the mean of their products. */
export interface CentredGram {
  readonly data: Float64Array;
  readonly images: number;
  readonly estimator: HsicEstimator;
}

/**
 * Centres a Gram matrix [n, n]. Unbiased centring is that of Székely and Rizzo ("Partial distance correlation", Annals of Statistics 42, 2014):
 * the diagonal is 0 and every row sums to 0; it is the estimator of Song et al. in a form that loses fewer digits. Throws RangeError for too
 * few images.
 */
export function centredGram({ data, rows: n }: Matrix, estimator: HsicEstimator): CentredGram {
  if (n < fewestImages[estimator])
    throw new RangeError(
      `the ${estimator} estimator of HSIC needs at least ${fewestImages[estimator]} images, given ${n}`,
    );
  const unbiased = estimator === "unbiased";
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) if (!unbiased || i !== j) sums[i] = (sums[i] ?? 0) + (data[i * n + j] ?? 0);
  }
  const total = sums.reduce((sum, value) => sum + value, 0);
  const [byRow, byAll] = unbiased ? [n - 2, (n - 1) * (n - 2)] : [n, n * n];
  const centred = Float64Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    if (unbiased && i === j) return 0;
    return (data[at] ?? 0) - ((sums[i] ?? 0) + (sums[j] ?? 0)) / byRow + total / byAll;
  });
  // the same representation for all images: what is left is rounding
  if (squares(centred) <= negligible * squares(data)) centred.fill(0);
  return { data: centred, images: n, estimator };
}

const negligible = 1e-24;
const squares = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);

/** HSIC of two centred Gram matrices of the same images. Throws RangeError for different numbers of images or estimators. */
export function hsic(a: CentredGram, b: CentredGram): number {
  if (a.images !== b.images || a.estimator !== b.estimator)
    throw new RangeError(
      `HSIC of ${a.images} images (${a.estimator}) and ${b.images} (${b.estimator}); expected the same images and estimator`,
    );
  const n = a.images;
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += (a.data[i] ?? 0) * (b.data[i] ?? 0);
  return sum / (a.estimator === "unbiased" ? n * (n - 3) : (n - 1) ** 2);
}

/** Gram matrix of rows [images, features], centred. */
export async function gramOf(
  rows: Features,
  estimator: HsicEstimator,
  options: { readonly threads?: number | undefined } = {},
): Promise<CentredGram> {
  const { threads } = options;
  const doubles = { ...rows, data: Float64Array.from(rows.data) };
  return centredGram(await gram(doubles, "rows", threads === undefined ? {} : { threads }), estimator);
}

/**
 * CKA of every layer of `a` with every layer of `b`, given the centred Gram matrices of the layers, batch by batch [batches][layers]; HSIC is
 * the mean over batches. Null where a representation is the same for all images.
 */
export function ckaMatrix(
  a: readonly (readonly CentredGram[])[],
  b: readonly (readonly CentredGram[])[],
): (number | null)[][] {
  const mean = (of: (batch: number) => number) => a.reduce((sum, _, batch) => sum + of(batch), 0) / a.length;
  const at = (grams: readonly (readonly CentredGram[])[], batch: number, layer: number) =>
    grams[batch]?.[layer] as CentredGram;
  const own = (grams: readonly (readonly CentredGram[])[]) =>
    (grams[0] ?? []).map((_, l) => mean((batch) => hsic(at(grams, batch, l), at(grams, batch, l))));
  const [ownA, ownB] = [own(a), own(b)];
  return ownA.map((varianceA, i) =>
    ownB.map((varianceB, j) => {
      const scale = Math.sqrt(varianceA * varianceB);
      return scale > 0 ? mean((batch) => hsic(at(a, batch, i), at(b, batch, j))) / scale : null;
    }),
  );
}

/** CKA of two representations [images, features] of the same images; null if one is the same for all images. */
export async function linearCka(
  x: Features,
  y: Features,
  estimator: HsicEstimator = "unbiased",
): Promise<number | null> {
  const [a, b] = [await gramOf(x, estimator), await gramOf(y, estimator)];
  return ckaMatrix([[a]], [[b]])[0]?.[0] ?? null;
}
