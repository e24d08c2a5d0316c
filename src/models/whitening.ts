/**
 * Partial whitening of pooled features. Square roots, whitening and rotations of features: Arandjelovic and Zisserman, "Three things everyone
 * should know to improve object retrieval", 2012; Jegou and Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA
 * and whitening", 2012.
 */
import { add, cast, constant, matmul, multiply, reshape, sqrt, subtract, type Tensor } from "../graph/index.js";
import { lecunNormal, type Scope, zeros } from "../nn/index.js";

/** Added to means before their square root, whose gradient is infinite at 0. */
export const whiteningEpsilon = 1e-4;

/**
 * Maps means [N, C], which are not negative, to features [N, C]: their square roots are centred, `components` directions of them are scaled, and
 * the result is rotated, so that every feature is a mixture of all. Parameters: `mean` [C], `components` [C, components] (orthonormal columns
 * when they are fitted) and `scales` [components], the factor of each direction minus 1 (initially 0).
 */
export function whitened(scope: Scope, means: Tensor, components: number): Tensor {
  const width = means.shape[1]!;
  const parameter = (name: string, shape: readonly number[], initializer = zeros) =>
    cast(scope.parameter(name, shape, initializer), means.dtype);
  const centred = subtract(sqrt(add(means, whiteningEpsilon)), parameter("mean", [width]));
  const directions = parameter("components", [width, components], lecunNormal(width));
  const along = multiply(matmul(centred, directions), parameter("scales", [components]));
  return rotated(add(centred, matmul(along, directions, { transposeB: true })));
}

/** Rows [N, C], as grids of C numbers with sides as equal as possible, after an orthonormal cosine transform along both sides. */
function rotated(x: Tensor): Tensor {
  const [rows, width] = x.shape as [number, number];
  const height = Array.from({ length: Math.floor(Math.sqrt(width)) }, (_, i) => i + 1).findLast(
    (n) => width % n === 0,
  )!;
  const along = width / height;
  const transform = (side: number) => constant(cosineTransform(side), [side, side], x.dtype);
  const grid = reshape(x, [rows, height, along]);
  return reshape(matmul(matmul(transform(height), grid, { transposeA: true }), transform(along)), [rows, width]);
}

/** The orthonormal cosine transform (DCT-II) [n, n], row-major; row k has frequency k. */
function cosineTransform(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, at) => {
    const [k, i] = [Math.floor(at / n), at % n];
    return Math.sqrt((k === 0 ? 1 : 2) / n) * Math.cos((Math.PI * (i + 0.5) * k) / n);
  });
}
