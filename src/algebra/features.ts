/** Feature matrices: the plain form in which representations reach every evaluator, and the raw-pixel baseline. */

/** Numbers in rows and columns, row by row: representations, logits or scores with one row an image, and matrices ({@link Matrix}). */
export interface Features<Data extends Float32Array | Float64Array = Float32Array | Float64Array> {
  /** [rows * columns] */
  readonly data: Data;
  readonly rows: number;
  readonly columns: number;
}

/** Frozen features with the class of each row, 0 to classes - 1. */
export interface LabelledFeatures {
  readonly features: Features;
  readonly labels: ArrayLike<number>;
}

/** A batch of images as the loader gives them: NHWC, values in [-1, 1]. */
export interface ImageBatch {
  data: Float32Array;
  /** [images, height, width, channels] */
  shape: readonly [number, number, number, number];
}

/** The numbers of one row, sharing memory with all of them. */
export const rowOf = <Data extends Float32Array | Float64Array>({ data, columns }: Features<Data>, row: number): Data =>
  data.subarray(row * columns, (row + 1) * columns) as Data;

/** Joins feature rows (or batches of rows of one width) into one matrix; throws when their widths differ. */
export function joinFeatures(parts: readonly Features[]): Features<Float32Array> {
  const columns = parts[0]?.columns ?? 0;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float32Array(rows * columns);
  let offset = 0;
  for (const part of parts) {
    if (part.columns !== columns) {
      throw new Error(`features of widths ${columns} and ${part.columns} cannot be joined; extract all with one model`);
    }
    data.set(part.data, offset);
    offset += part.rows * columns;
  }
  return { data, rows, columns };
}

/** Throws unless the matrix has the size it claims, matches `labels` and holds finite numbers only. */
export function checkFeatures(name: string, features: Features, labels: ArrayLike<number>, classes: number): void {
  const { data, rows, columns } = features;
  if (data.length !== rows * columns || columns < 1) {
    throw new Error(
      `${name}: [${rows}, ${columns}] needs ${rows * columns} values (at least one a row), given ${data.length}`,
    );
  }
  if (labels.length !== rows) throw new Error(`${name}: ${rows} rows of features but ${labels.length} labels`);
  for (let i = 0; i < rows; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new Error(`${name}: label ${label} of row ${i} is not one of the ${classes} classes 0 … ${classes - 1}`);
    }
  }
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i]!)) {
      throw new Error(
        `${name}: row ${Math.floor(i / columns)} holds ${data[i]}; the model that made it has diverged or its weights are damaged`,
      );
    }
  }
}

/** For each output cell of an area resize from `from` to `to` cells: the source cells it covers and the share of each. */
function coverage(from: number, to: number): { index: number; weight: number }[][] {
  return Array.from({ length: to }, (_, cell) => {
    const start = (cell * from) / to;
    const end = ((cell + 1) * from) / to;
    const parts: { index: number; weight: number }[] = [];
    for (let index = Math.floor(start); index < Math.min(Math.ceil(end), from); index++) {
      const overlap = Math.min(end, index + 1) - Math.max(start, index);
      if (overlap > 0) parts.push({ index, weight: overlap / (end - start) });
    }
    return parts;
  });
}

/**
 * The raw-pixel baseline: each image averaged down to size x size cells (area resize, aspect not kept) and flattened.
 *
 * `images` are NHWC floats in [-1, 1]; returns [images, size * size * channels]. Throws when the data does not fill the shape.
 * Every learned representation should beat the same ridge on these features (size 16 is the project's baseline).
 *
 * @example
 * const features = rawPixelFeatures({ data, shape: [32, 64, 64, 3] }); // [32, 768]
 */
export function rawPixelFeatures(images: ImageBatch, size = 16): Features<Float32Array> {
  const [count, height, width, channels] = images.shape;
  if (images.data.length !== count * height * width * channels) {
    throw new Error(
      `raw pixels: shape [${images.shape.join(", ")}] needs ${count * height * width * channels} values, given ${images.data.length}`,
    );
  }
  if (!Number.isInteger(size) || size < 1)
    throw new Error(`raw pixels: size is ${size}; give a whole number of cells, such as 16`);
  const vertical = coverage(height, size);
  const horizontal = coverage(width, size);
  const columns = size * size * channels;
  const data = new Float32Array(count * columns);
  for (let image = 0; image < count; image++) {
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        for (let channel = 0; channel < channels; channel++) {
          let sum = 0;
          for (const row of vertical[y]!) {
            for (const column of horizontal[x]!) {
              const pixel = ((image * height + row.index) * width + column.index) * channels + channel;
              sum += row.weight * column.weight * images.data[pixel]!;
            }
          }
          data[image * columns + (y * size + x) * channels + channel] = sum;
        }
      }
    }
  }
  return { data, rows: count, columns };
}
