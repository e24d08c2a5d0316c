/** Means with confidence intervals over a few repetitions. */

/** Summary of repeated measurements; the interval is null for a single measurement. */
export interface Summary {
  mean: number;
  /** Sample standard deviation (n - 1); 0 for a single measurement. */
  standardDeviation: number;
  confidence95: [number, number] | null;
}

/** P(|T| <= t) for Student's t with an integer number of degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4). */
function studentCentralProbability(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cosineSquared = Math.cos(angle) ** 2;
  const odd = freedom % 2 === 1;
  let term = odd ? Math.cos(angle) : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= freedom - 2; k += 2) {
    term *= (cosineSquared * (k - 1)) / k;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/** The t for which a Student variable with `freedom` degrees of freedom is within ±t with the given probability. */
export function studentQuantile(freedom: number, probability = 0.95): number {
  if (!Number.isInteger(freedom) || freedom < 1)
    throw new Error(`Student t: ${freedom} degrees of freedom; give 1 or more`);
  if (!(probability > 0 && probability < 1))
    throw new Error(`Student t: probability ${probability}; give one between 0 and 1`);
  let low = 0;
  let high = 1;
  while (studentCentralProbability(high, freedom) < probability) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (studentCentralProbability(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Arithmetic mean; NaN of no value. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * The value below which a fraction (0 to 1) of the values lies, interpolated linearly between two of them (definition 7 of Hyndman and Fan, The
 * American Statistician 50, 1996); NaN of no value.
 */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * fraction;
  const [low = Number.NaN, high = low] = sorted.slice(Math.max(0, Math.floor(place)));
  return low + (high - low) * (place - Math.floor(place));
}

/** Median: the mean of the two middle values of an even number; NaN of no value. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Mean, sample standard deviation and 95 % Student interval of the mean, not cut to any range. Throws when there is no value. */
export function meanInterval(values: readonly number[]): Summary {
  const count = values.length;
  if (count === 0) throw new Error("nothing to summarise: no measurement was made");
  const mean = meanOf(values);
  if (count === 1) return { mean, standardDeviation: 0, confidence95: null };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const standardDeviation = Math.sqrt(variance);
  const half = (studentQuantile(count - 1) * standardDeviation) / Math.sqrt(count);
  return { mean, standardDeviation, confidence95: [mean - half, mean + half] };
}

/**
 * Mean, standard deviation and 95 % Student interval of the mean of measurements such as accuracies over seeds; the interval is clipped to
 * [0, 1]. Throws if there are no measurements.
 */
export function summarise(measurements: readonly number[]): Summary {
  const { confidence95, ...rest } = meanInterval(measurements);
  return { ...rest, confidence95: confidence95 && [Math.max(0, confidence95[0]), Math.min(1, confidence95[1])] };
}

/** A normal variable is within plus and minus this value with a probability of 95 %. */
const normal95 = 1.959963984540054;

/**
 * Wilson's score interval (95 %) of a probability, for `right` successes in `total` independent trials (E. B. Wilson, Journal of the American
 * Statistical Association 22, 1927). Unlike the normal approximation it is always within 0 and 1.
 * Throws if there are no trials.
 */
export function wilsonInterval(right: number, total: number): [number, number] {
  if (!(total > 0 && right >= 0 && right <= total))
    throw new Error(`an interval of ${right} right of ${total} has no meaning`);
  const share = right / total;
  const z = normal95 ** 2 / total;
  const middle = (share + z / 2) / (1 + z);
  const half = (normal95 * Math.sqrt((share * (1 - share)) / total + z / (4 * total))) / (1 + z);
  // Rounding may move the ends slightly outside.
  return [right === 0 ? 0 : Math.max(0, middle - half), right === total ? 1 : Math.min(1, middle + half)];
}

/** Accuracy on new images, from new training examples, estimated from repeated measurements on the same test images. */
export interface AccuracySummary extends Summary {
  confidence95: [number, number];
  /** Standard errors of the mean due to the drawn examples and due to the tested images. */
  standardErrors: { draws: number; images: number };
}

/**
 * Summarises which test images were classified correctly (1) or incorrectly (0), with a row over all images for each draw of the examples.
 *
 * The interval is valid for other draws and other images. Accuracy is modelled as a table of draws by images with random rows and columns. Its
 * mean has the variance (MS_draws + MS_images - MS_rest) / (draws * images) of the two-way analysis of variance with random effects (Searle,
 * Casella and McCulloch, Variance Components, 1992, chapter 4), with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946). With one
 * draw, or if all answers are equal, it is Wilson's interval over the images. Throws if there are no measurements.
 */
export function summariseAccuracies(right: readonly ArrayLike<number>[]): AccuracySummary {
  const draws = right.length;
  const images = right[0]?.length ?? 0;
  if (draws === 0 || images === 0) throw new Error("nothing to summarise: no image was tested");
  const byDraw = right.map((row) => sumOf(row) / images);
  const byImage = Array.from({ length: images }, (_, i) => sumOf(right.map((row) => row[i]!)) / draws);
  const { mean, standardDeviation } = summarise(byDraw);
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const ofDraws = images * squares(byDraw);
  const ofImages = draws * squares(byImage);
  // For zeros and ones, the sum of squares equals the sum.
  const rest = draws * images * mean * (1 - mean) - ofDraws - ofImages;
  const wilson = () => wilsonInterval(mean * images, images);
  if (draws === 1 || images === 1 || mean === 0 || mean === 1) {
    const alone = Math.sqrt((mean * (1 - mean)) / images);
    return { mean, standardDeviation, confidence95: wilson(), standardErrors: { draws: 0, images: alone } };
  }
  const count = draws * images;
  const [drawsFreedom, imagesFreedom] = [draws - 1, images - 1];
  const restFreedom = drawsFreedom * imagesFreedom;
  const parts = [
    ofDraws / drawsFreedom / count,
    ofImages / imagesFreedom / count,
    Math.max(0, rest) / restFreedom / count,
  ] as const;
  const [draw, image, noise] = parts;
  const variance = Math.max(draw + image - noise, draw, image);
  const freedom = variance ** 2 / (draw ** 2 / drawsFreedom + image ** 2 / imagesFreedom + noise ** 2 / restFreedom);
  const half = studentQuantile(Math.max(1, Math.floor(freedom))) * Math.sqrt(variance);
  return {
    mean,
    standardDeviation,
    confidence95: [Math.max(0, mean - half), Math.min(1, mean + half)],
    standardErrors: { draws: Math.sqrt(Math.max(0, draw - noise)), images: Math.sqrt(Math.max(0, image - noise)) },
  };
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}
