/**
 * The authors' constants of the common corruptions at five severities, for three image sizes.
 *
 * Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations". The paper does not list
 * the constants. They come from the scripts that created the published datasets (repository hendrycks/robustness, ImageNet-C/create_c:
 * make_imagenet_c.py, make_tinyimagenet_c.py, make_cifar_c.py). Everything is available except the photographs of frost (see weather.ts).
 */

/** A value for each severity, 1 to 5. */
export type Five<T> = readonly [T, T, T, T, T];

/** The constants of every family for one image size. */
export interface Severities {
  /** Standard deviation of the added noise, for values from 0 to 1. */
  readonly gaussian_noise: Five<number>;
  /** Number of photons of white. */
  readonly shot_noise: Five<number>;
  /** Fraction of values replaced by 0 or 1. */
  readonly impulse_noise: Five<number>;
  /** Radius of the disk, and deviation of the Gaussian that smooths its edge. */
  readonly defocus_blur: Five<readonly [radius: number, alias: number]>;
  /** Deviation of the blur before and after, maximum distance of the other pixel, number of iterations. */
  readonly glass_blur: Five<readonly [sigma: number, distance: number, times: number]>;
  readonly motion_blur: Five<readonly [radius: number, sigma: number]>;
  /** Zoom factors from 1 to below an end. */
  readonly zoom_blur: Five<readonly [end: number, step: number]>;
  /** Mean and deviation of the flakes, their zoom, the minimum value that remains, motion blur, weight of the image. */
  readonly snow: Five<
    readonly [
      mean: number,
      deviation: number,
      zoom: number,
      least: number,
      radius: number,
      sigma: number,
      keeps: number,
    ]
  >;
  /** Weights of the image and of the frost. */
  readonly frost: Five<readonly [image: number, frost: number]>;
  /** Amount of fog, and the factor by which its roughness decreases from scale to scale. */
  readonly fog: Five<readonly [amount: number, decay: number]>;
  /** Added to the value in HSV. */
  readonly brightness: Five<number>;
  /** Factor of the difference from the mean. */
  readonly contrast: Five<number>;
  /** Amplitude and deviation of the displacements, reach of the affine map, as fractions of `elasticSide`. */
  readonly elastic_transform: Five<readonly [amplitude: number, sigma: number, reach: number]>;
  /** Factor of the sides. */
  readonly pixelate: Five<number>;
  /** JPEG quality. */
  readonly jpeg_compression: Five<number>;
  /** Reference length of the elastic transform, as a fraction of the image's smaller side. */
  readonly elasticSide: number;
}

/** By the dataset created with them: 224, 64 and 32 pixels. */
export const severityTables = {
  imagenet: {
    gaussian_noise: [0.08, 0.12, 0.18, 0.26, 0.38],
    shot_noise: [60, 25, 12, 5, 3],
    impulse_noise: [0.03, 0.06, 0.09, 0.17, 0.27],
    defocus_blur: [
      [3, 0.1],
      [4, 0.5],
      [6, 0.5],
      [8, 0.5],
      [10, 0.5],
    ],
    glass_blur: [
      [0.7, 1, 2],
      [0.9, 2, 1],
      [1, 2, 3],
      [1.1, 3, 2],
      [1.5, 4, 2],
    ],
    motion_blur: [
      [10, 3],
      [15, 5],
      [15, 8],
      [15, 12],
      [20, 15],
    ],
    zoom_blur: [
      [1.11, 0.01],
      [1.16, 0.01],
      [1.21, 0.02],
      [1.26, 0.02],
      [1.31, 0.03],
    ],
    snow: [
      [0.1, 0.3, 3, 0.5, 10, 4, 0.8],
      [0.2, 0.3, 2, 0.5, 12, 4, 0.7],
      [0.55, 0.3, 4, 0.9, 12, 8, 0.7],
      [0.55, 0.3, 4.5, 0.85, 12, 8, 0.65],
      [0.55, 0.3, 2.5, 0.85, 12, 12, 0.55],
    ],
    frost: [
      [1, 0.4],
      [0.8, 0.6],
      [0.7, 0.7],
      [0.65, 0.7],
      [0.6, 0.75],
    ],
    fog: [
      [1.5, 2],
      [2, 2],
      [2.5, 1.7],
      [2.5, 1.5],
      [3, 1.4],
    ],
    brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
    contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
    elastic_transform: [
      [2, 0.7, 0.1],
      [2, 0.08, 0.2],
      [0.05, 0.01, 0.02],
      [0.07, 0.01, 0.02],
      [0.12, 0.01, 0.02],
    ],
    pixelate: [0.6, 0.5, 0.4, 0.3, 0.25],
    jpeg_compression: [25, 18, 15, 10, 7],
    // The authors' 244 for 224 pixels, which they describe as a mistake that was kept.
    elasticSide: 244 / 224,
  },
  "tiny-imagenet": {
    gaussian_noise: [0.04, 0.08, 0.12, 0.15, 0.18],
    shot_noise: [250, 100, 50, 30, 15],
    impulse_noise: [0.01, 0.02, 0.05, 0.08, 0.14],
    defocus_blur: [
      [0.5, 0.6],
      [1, 0.1],
      [1.5, 0.1],
      [2.5, 0.01],
      [3, 0.1],
    ],
    glass_blur: [
      [0.1, 1, 1],
      [0.5, 1, 1],
      [0.6, 1, 2],
      [0.7, 2, 1],
      [0.9, 2, 2],
    ],
    motion_blur: [
      [10, 1],
      [10, 1.5],
      [10, 2],
      [10, 2.5],
      [12, 3],
    ],
    zoom_blur: [
      [1.06, 0.01],
      [1.11, 0.01],
      [1.16, 0.01],
      [1.21, 0.01],
      [1.26, 0.01],
    ],
    snow: [
      [0.1, 0.2, 1, 0.6, 8, 3, 0.8],
      [0.1, 0.2, 1, 0.5, 10, 4, 0.8],
      [0.15, 0.3, 1.75, 0.55, 10, 4, 0.7],
      [0.25, 0.3, 2.25, 0.6, 12, 6, 0.65],
      [0.3, 0.3, 1.25, 0.65, 14, 12, 0.6],
    ],
    frost: [
      [1, 0.3],
      [0.9, 0.4],
      [0.8, 0.45],
      [0.75, 0.5],
      [0.7, 0.55],
    ],
    fog: [
      [0.4, 3],
      [0.7, 3],
      [1, 2.5],
      [1.5, 2],
      [2, 1.75],
    ],
    brightness: [0.1, 0.2, 0.3, 0.4, 0.5],
    contrast: [0.4, 0.3, 0.2, 0.1, 0.05],
    elastic_transform: [
      [0, 0, 0.08],
      [0.05, 0.3, 0.06],
      [0.1, 0.08, 0.06],
      [0.1, 0.03, 0.03],
      [0.16, 0.03, 0.02],
    ],
    pixelate: [0.9, 0.8, 0.7, 0.6, 0.5],
    jpeg_compression: [65, 58, 50, 40, 25],
    elasticSide: 1,
  },
  cifar: {
    gaussian_noise: [0.04, 0.06, 0.08, 0.09, 0.1],
    shot_noise: [500, 250, 100, 75, 50],
    impulse_noise: [0.01, 0.02, 0.03, 0.05, 0.07],
    defocus_blur: [
      [0.3, 0.4],
      [0.4, 0.5],
      [0.5, 0.6],
      [1, 0.2],
      [1.5, 0.1],
    ],
    glass_blur: [
      [0.05, 1, 1],
      [0.25, 1, 1],
      [0.4, 1, 1],
      [0.25, 1, 2],
      [0.4, 1, 2],
    ],
    motion_blur: [
      [6, 1],
      [6, 1.5],
      [6, 2],
      [8, 2],
      [9, 2.5],
    ],
    zoom_blur: [
      [1.06, 0.01],
      [1.11, 0.01],
      [1.16, 0.01],
      [1.21, 0.01],
      [1.26, 0.01],
    ],
    snow: [
      [0.1, 0.2, 1, 0.6, 8, 3, 0.95],
      [0.1, 0.2, 1, 0.5, 10, 4, 0.9],
      [0.15, 0.3, 1.75, 0.55, 10, 4, 0.9],
      [0.25, 0.3, 2.25, 0.6, 12, 6, 0.85],
      [0.3, 0.3, 1.25, 0.65, 14, 12, 0.8],
    ],
    frost: [
      [1, 0.2],
      [1, 0.3],
      [0.9, 0.4],
      [0.85, 0.4],
      [0.75, 0.45],
    ],
    fog: [
      [0.2, 3],
      [0.5, 3],
      [0.75, 2.5],
      [1, 2],
      [1.5, 1.75],
    ],
    brightness: [0.05, 0.1, 0.15, 0.2, 0.3],
    contrast: [0.75, 0.5, 0.4, 0.3, 0.15],
    elastic_transform: [
      [0, 0, 0.08],
      [0.05, 0.2, 0.07],
      [0.08, 0.06, 0.06],
      [0.1, 0.04, 0.05],
      [0.1, 0.03, 0.03],
    ],
    pixelate: [0.95, 0.9, 0.85, 0.75, 0.65],
    jpeg_compression: [80, 65, 58, 50, 40],
    elasticSide: 1,
  },
} as const satisfies Readonly<Record<string, Severities>>;

export type SeverityTable = keyof typeof severityTables;

/** The table for the image size nearest (on a logarithmic scale) to a smaller side in pixels. */
export function severityTableFor(side: number): SeverityTable {
  if (side < Math.sqrt(32 * 64)) return "cifar";
  return side < Math.sqrt(64 * 224) ? "tiny-imagenet" : "imagenet";
}
