/**
 * Published results on the 19 tasks with 1,000 training examples each, in per cent. They are printed beside our
 * results.
 */

/** The 19 tasks in the order of the rows below: seven natural, four specialised, eight structured (papers.md 4.1). */
export const publishedTasks = [
  "caltech101",
  "cifar100",
  "dtd",
  "flowers102",
  "pets",
  "sun397",
  "svhn",
  "camelyon",
  "eurosat",
  "resisc45",
  "retinopathy",
  "clevr-count",
  "clevr-distance",
  "dmlab",
  "dsprites-location",
  "dsprites-orientation",
  "kitti-distance",
  "smallnorb-azimuth",
  "smallnorb-elevation",
] as const;

export interface PublishedRow {
  readonly method: string;
  /** How the network was pre-trained and transferred. */
  readonly details: string;
  readonly source: string;
  /** Accuracy on each of `publishedTasks`, per cent; undefined if only means were published. */
  readonly tasks?: readonly number[];
  /** The published means of the 19 tasks and of each group, if they were published. */
  readonly mean?: number;
  readonly groups?: { readonly natural: number; readonly specialised: number; readonly structured: number };
}

const leaderboard = (method: string, tasks: readonly number[]): PublishedRow => ({
  method,
  details: "ResNet-50, fine-tuned, light sweep of 4 settings",
  source: "the benchmark's leaderboard (Zhai et al. 2019, arXiv:1910.04867; google-research/task_adaptation)",
  tasks,
});

const vit = "Dosovitskiy et al. 2020, arXiv:2010.11929, table 9: fine-tuned, one setting, 384 pixels";
const bit = "Kolesnikov et al. 2020, arXiv:1912.11370: fine-tuned by BiT-HyperRule";

/** Rows with all tasks first, best first; then rows of means (papers.md 4.5 and 9.12). */
export const publishedRows: readonly PublishedRow[] = [
  {
    method: "ViT-H/14 JFT",
    details: "pre-trained on JFT-300M",
    source: vit,
    tasks: [
      95.3, 85.5, 75.2, 99.7, 97.2, 65, 88.9, 83.3, 96.7, 91.4, 76.6, 91.7, 63.8, 53.1, 79.4, 63.3, 84.5, 33.2, 51.2,
    ],
    mean: 77.6,
  },
  {
    method: "ViT-L/16 JFT",
    details: "pre-trained on JFT-300M",
    source: vit,
    tasks: [
      95.4, 81.9, 74.3, 99.7, 96.7, 63.5, 87.4, 83.6, 96.5, 89.7, 77.1, 86.4, 63.1, 49.7, 74.5, 60.5, 82.2, 36.2, 51.1,
    ],
    mean: 76.28,
  },
  {
    method: "ViT-L/16 i21k",
    details: "pre-trained on ImageNet-21k",
    source: vit,
    tasks: [
      90.8, 84.1, 74.1, 99.3, 92.7, 61, 80.9, 82.5, 95.6, 85.2, 75.3, 70.3, 56.1, 41.9, 74.7, 64.9, 79.9, 30.5, 41.7,
    ],
    mean: 72.72,
  },
  leaderboard(
    "Sup-Rotation-100%",
    [
      91.69, 53.66, 69.52, 90.76, 88.13, 32.8, 88.46, 83.44, 96, 81.97, 71.06, 47.33, 57.25, 36.58, 88.32, 52.08, 77.06,
      51.59, 33.66,
    ],
  ),
  leaderboard(
    "Sup-Exemplar-100%",
    [
      90.23, 56.71, 67.34, 88.3, 89.68, 34.55, 88.88, 83.74, 95.74, 80.48, 72.41, 37.8, 56.02, 37.78, 84.33, 53.89,
      77.69, 49.63, 40.51,
    ],
  ),
  leaderboard(
    "Sup-100%",
    [
      90.95, 57.03, 66.01, 88.61, 89.87, 34.41, 87.32, 80.61, 95.31, 80.84, 73.2, 40.96, 56.11, 36.29, 85.73, 45.96,
      70.57, 45.74, 35.44,
    ],
  ),
  leaderboard(
    "Semi-Exemplar-10%",
    [
      88.55, 53.16, 60.8, 86.77, 85.34, 28.96, 87.98, 83.15, 95.22, 77.29, 71.74, 42.34, 57.35, 36.7, 74.88, 53.95,
      71.36, 52.68, 32.27,
    ],
  ),
  leaderboard(
    "Semi-Rotation-10%",
    [
      88.14, 48.09, 64.26, 87.63, 84.61, 26.98, 87.21, 81.38, 95.65, 79.53, 72.97, 40.87, 55.27, 37.89, 87.45, 53.49,
      57.44, 51.85, 35.74,
    ],
  ),
  leaderboard(
    "Rotation",
    [
      77.63, 27.32, 51.44, 68.75, 48.31, 12.85, 89.39, 80.39, 93.5, 69.44, 70.93, 45.55, 60.93, 40.42, 89.62, 49.53,
      75.95, 52.19, 44.34,
    ],
  ),
  leaderboard(
    "Exemplar",
    [
      69.57, 10.97, 48.88, 69.89, 42.28, 13.7, 87.14, 79.13, 94.74, 67.34, 72.52, 54.81, 60.87, 36.65, 91.79, 44.29,
      75.47, 42.07, 40.3,
    ],
  ),
  leaderboard(
    "Rel.Pat.Loc",
    [
      68.52, 19.14, 52.18, 69.04, 41.27, 11.07, 60.9, 77.53, 92.56, 65.41, 70.72, 43.53, 59.59, 33.6, 70.74, 29.32,
      68.2, 47.2, 35.2,
    ],
  ),
  leaderboard(
    "Jigsaw",
    [
      66.73, 18.93, 51.38, 66.06, 37.47, 12.08, 55.14, 76.04, 91.54, 66.17, 72.36, 42.82, 55.89, 30.47, 69.53, 35.02,
      68.2, 44.88, 36.31,
    ],
  ),
  leaderboard(
    "Uncond-BigGAN",
    [
      58.68, 15.21, 34.15, 49.89, 18.7, 9.43, 65.4, 76.29, 74.22, 35.66, 66.13, 44.7, 55.76, 28.74, 76.82, 48.4, 37.18,
      33.85, 40.26,
    ],
  ),
  leaderboard(
    "From-Scratch",
    [
      38.24, 13.17, 20.58, 40.22, 12.06, 5.02, 66.07, 75.62, 84.95, 42.63, 72.57, 38.85, 55.19, 26.56, 78.43, 39.15,
      42.71, 30.08, 37.61,
    ],
  ),
  leaderboard(
    "Cond-BigGAN",
    [
      62.06, 21.08, 38.46, 59.99, 23.39, 11.89, 59.35, 77.18, 30.59, 48.16, 73.59, 12.35, 24.51, 28.05, 54.47, 54.71,
      40.98, 33.19, 32.48,
    ],
  ),
  leaderboard(
    "WAE-MMD",
    [
      35.46, 10.71, 8.03, 18.41, 9.28, 4.91, 58.75, 73.83, 73.13, 22.4, 73.23, 34.4, 58.08, 26.28, 86.94, 26.25, 55.38,
      31.57, 28.09,
    ],
  ),
  leaderboard(
    "VAE",
    [
      34.31, 9.89, 10.27, 18.25, 9.39, 4.49, 49.34, 72.59, 73.15, 23.54, 67.74, 36.79, 61.21, 26.72, 89.85, 23.02,
      42.88, 35.56, 37.49,
    ],
  ),
  leaderboard(
    "WAE-UKL",
    [
      29.31, 8.23, 7.18, 13.12, 7.75, 3.32, 36.57, 69.81, 61.17, 16.38, 73.59, 32.15, 55.25, 22.45, 72.94, 23.03, 50.95,
      27.53, 28.06,
    ],
  ),
  leaderboard(
    "WAE-GAN",
    [
      29.92, 7.76, 6.54, 11.98, 7.45, 3.18, 42.37, 69.01, 59.11, 14.42, 73.38, 32.44, 55.15, 24.96, 70.13, 17.81, 54.75,
      26.99, 25.43,
    ],
  ),
  {
    method: "ALIGN",
    details: "image and text pairs, heavy sweep",
    source: "Jia et al. 2021, as cited in papers.md 4.5",
    mean: 79.99,
  },
  {
    method: "BiT-L, heavy sweep",
    details: "R152x4, JFT-300M, random search of 40 trials",
    source: bit,
    mean: 78.72,
  },
  {
    method: "ViT-G/14 JFT",
    details: "3 billion images, one setting",
    source: "Zhai et al. 2021, arXiv:2106.04560",
    mean: 78.29,
  },
  { method: "BiT-L", details: "R152x4, JFT-300M, one setting", source: bit, mean: 76.29 },
  {
    method: "Mixer-H/14 JFT",
    details: "pre-trained on JFT-300M",
    source: "Tolstikhin et al. 2021, arXiv:2105.01601",
    mean: 75.33,
  },
  {
    method: "Mixer-L/16 i21k",
    details: "pre-trained on ImageNet-21k",
    source: "Tolstikhin et al. 2021, arXiv:2105.01601",
    mean: 74.95,
  },
  {
    method: "BiT-M R152x4",
    details: "ImageNet-21k, the paper's re-run (70.64 in its first version)",
    source: bit,
    mean: 73.51,
    groups: { natural: 80.77, specialised: 85.67, structured: 61.08 },
  },
  {
    method: "BiT-M R101x3",
    details: "ImageNet-21k, the paper's re-run",
    source: bit,
    mean: 72.65,
    groups: { natural: 80.29, specialised: 85.75, structured: 59.4 },
  },
  { method: "BiT-S R152x4", details: "ImageNet", source: bit, mean: 66.87 },
];
