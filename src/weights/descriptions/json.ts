/** Reads values of unknown JSON, and writes steps of preprocessing from the numbers of descriptions. */

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const own = (object: Json | undefined, key: string): unknown =>
  object && Object.hasOwn(object, key) ? object[key] : undefined;
export const text = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;
export const positive = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value > 0 ? value : undefined;
export const numbers = (value: unknown): readonly number[] | undefined =>
  Array.isArray(value) && value.every((entry) => typeof entry === "number") ? value : undefined;

export function sizeOf(value: unknown): { height: number; width: number } | undefined {
  if (typeof value === "number") return sizeOf([value, value]);
  if (isObject(value)) return sizeOf([own(value, "height"), own(value, "width")]);
  const sides = numbers(value)?.slice(-2);
  if (sides?.length !== 2 || !sides.every((side) => Number.isInteger(side) && side > 0 && side <= 1 << 14))
    return undefined;
  return { height: sides[0]!, width: sides[1]! };
}

export const sized = ({ height, width }: { height: number; width: number }) =>
  height === width ? `${height}` : `${height},${width}`;

/**
 * `value_range` for a mean and deviation of pixels in 0..1: one pair of numbers if all channels have the same,
 * otherwise a tuple for each; undefined if they do not scale.
 */
export function valueRangeStage(mean: readonly number[], deviation: readonly number[]): string | undefined {
  const count = Math.max(mean.length, deviation.length);
  const fits = (values: readonly number[]) => values.length === 1 || values.length === count;
  if (count === 0 || !fits(mean) || !fits(deviation) || deviation.some((value) => !(value > 0))) return undefined;
  const each = (values: readonly number[]) => Array.from({ length: count }, (_, c) => values[c] ?? values[0]!);
  const [m, d] = [each(mean), each(deviation)];
  const written = (from: number) => {
    const ends = m.map((value, c) => String(Number(((from - value) / d[c]!).toPrecision(7))));
    return new Set(ends).size === 1 ? ends[0]! : `(${ends.join(",")})`;
  };
  return `value_range(${written(0)},${written(1)})`;
}

/** Says why the scaling of images is not understood. */
export const noRange = (mean: readonly number[], deviation: readonly number[]) =>
  `its images are scaled by a mean of ${mean.join(", ")} and a deviation of ${deviation.join(", ")}, which do not match any number of channels; its preprocessing is ignored`;

/** The resize arguments for Pillow's filters, which torchvision and therefore timm use for evaluation. */
export const pillow = (method: string) => `method=${method},antialias=true`;
