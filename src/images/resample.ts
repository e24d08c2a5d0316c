/** Resizes with a kernel that is widened for downsampling, like Pillow; torchvision and timm use it for evaluation. */
import { blankLike, type PixelImage } from "./image.js";

/** The kernels: box, triangle, and Keys's cubic with a = -0.5. */
export type ResampleKernel = "box" | "bilinear" | "bicubic";

/** Keys (1981) with a = -0.5, as in Pillow's BICUBIC and TensorFlow's bicubic; PyTorch's without antialiasing has a = -0.75. */
function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  if (t < 2) return ((-0.5 * t + 2.5) * t - 4) * t + 2;
  return 0;
}

const kernels: Readonly<Record<ResampleKernel, { readonly support: number; readonly at: (x: number) => number }>> = {
  // Half open, so that a pixel half way between two new ones counts once.
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(1 - Math.abs(x), 0) },
  bicubic: { support: 2, at: cubic },
};

/**
 * Resizes an image to height x width with half-pixel centres, first along x, then along y. Parts of the kernel outside the image are cut and
 * the rest is renormalised. With `antialias` (as in Pillow and timm) the kernel is widened when the image shrinks. Without it, it always spans
 * one pixel (box), two (bilinear) or four (bicubic, TensorFlow's `antialias=False`). Raw images are rounded and clipped to 8 bits after each of
 * the two steps, as in Pillow.
 */
export function resample<T extends PixelImage>(
  image: T,
  height: number,
  width: number,
  kernel: ResampleKernel,
  antialias: boolean,
): T {
  const across = resampleAxis(image, "width", width, kernel, antialias);
  return resampleAxis(across, "height", height, kernel, antialias);
}

function resampleAxis<T extends PixelImage>(
  image: T,
  axis: "height" | "width",
  size: number,
  kernel: ResampleKernel,
  antialias: boolean,
): T {
  if (image[axis] === size) return image;
  const out = axis === "width" ? blankLike(image, image.height, size) : blankLike(image, size, image.width);
  // [outer, axis, inner]: the stride of columns is a pixel, that of rows a line.
  const inner = axis === "width" ? image.channels : image.width * image.channels;
  const outer = axis === "width" ? image.height : 1;
  const line = new Float64Array(inner);
  const raw = image.kind === "raw";
  const taps = tapsOf(image[axis], size, kernel, antialias);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < size; i++) {
      const { first, weights } = taps[i]!;
      line.fill(raw ? 0.5 : 0);
      for (let k = 0; k < weights.length; k++) {
        const from = (o * image[axis] + first + k) * inner;
        const weight = weights[k]!;
        for (let c = 0; c < inner; c++) line[c]! += weight * image.data[from + c]!;
      }
      // An assignment to a byte wraps around, and cubic kernels overshoot.
      if (raw) for (let c = 0; c < inner; c++) line[c] = Math.min(Math.max(line[c]!, 0), 255);
      out.data.set(line, (o * size + i) * inner);
    }
  }
  return out;
}

/** The pixels that contribute to each new one, and their weights (which sum to 1). */
function tapsOf(from: number, to: number, kernel: ResampleKernel, antialias: boolean) {
  const scale = from / to;
  const widening = antialias ? Math.max(scale, 1) : 1;
  const { support, at } = kernels[kernel];
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support * widening + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support * widening + 0.5), from);
    const raw = Float64Array.from({ length: end - first }, (_, k) => at((first + k - centre + 0.5) / widening));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: raw.map((weight) => weight / total) };
  });
}
