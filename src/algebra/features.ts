/** Feature matrices, the common input of every evaluator, and the raw-pixel baseline. */

/** A row-major matrix: features, logits or scores with one row for each image, and general matrices (`Matrix`). */
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

/** A batch of images from the loader: NHWC, values in [-1, 1]. */
export interface ImageBatch {
  data: Float32Array;
  /** [images, height, width, channels] */
  shape: readonly [number, number, number, number];
}

/** View of one row, which shares memory with the matrix. */
export const rowOf = <Data extends Float32Array | Float64Array>({ data, columns }: Features<Data>, row: number): Data =>
  data.subarray(row * columns, (row + 1) * columns) as Data;

/** Concatenates feature rows (or batches of rows of equal width) into one matrix; throws if their widths differ. */
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

/** Throws unless the matrix has its stated size, matches `labels` and has only finite numbers. */
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

/** For each output cell of an area resize from `from` to `to` cells: the source cells it covers and the weight of each. */
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
 * The raw-pixel baseline: each image is averaged to size x size cells (area resize without keeping the aspect ratio) and flattened.
 *
 * `images` are NHWC floats in [-1, 1]; returns [images, size * size * channels]. Throws if the data does not match the shape.
 * Every learned representation should be more accurate than the same ridge regression on these features (the project's baseline has size 16).
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
