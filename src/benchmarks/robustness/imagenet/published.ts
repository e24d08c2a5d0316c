/**
 * Published accuracies on further test sets for the classes of ImageNet, in per cent (papers.md 8, 9.7, 10.9), for
 * comparison.
 */

export interface PublishedAccuracy {
  readonly set: "objectnet" | "objectnet-boxes" | "imagenet-v2" | "real";
  readonly model: string;
  readonly upstream: string;
  readonly top1: number;
  readonly top5?: number;
}

const upstreams = ["ImageNet-1k", "ImageNet-21k", "JFT-300M"] as const;

/** BiT's rows: top-1 of BiT-S, M, L, then top-5. */
function bit(
  set: PublishedAccuracy["set"],
  rows: Readonly<Record<string, readonly (number | undefined)[]>>,
): PublishedAccuracy[] {
  return Object.entries(rows).flatMap(([model, values]) =>
    upstreams.flatMap((upstream, i): PublishedAccuracy[] => {
      const [top1, top5] = [values[i], values[i + 3]];
      return top1 === undefined || top5 === undefined ? [] : [{ set, model: `BiT ${model}`, upstream, top1, top5 }];
    }),
  );
}

export const publishedAccuracies: readonly PublishedAccuracy[] = [
  ...bit("objectnet", {
    R50x1: [30.8, 35.0, 37.6, 51.8, 56.4, 59.5],
    // the published cells of BiT-L repeat those of R101x3, apparently a misprint, and are omitted
    R101x1: [32.2, 39.2, undefined, 54.2, 61.3, undefined],
    R50x3: [33.7, 40.3, 49.1, 54.7, 62.4, 71.1],
    R101x3: [34.6, 44.3, 54.6, 56.4, 66.4, 75.6],
    R152x4: [36.0, 47.0, 58.7, 57.0, 69.0, 80.0],
  }),
  { set: "objectnet", model: "ViT-H/14", upstream: "JFT-300M", top1: 61.7, top5: 82.1 },
  { set: "objectnet", model: "ViT-G/14", upstream: "JFT-3B", top1: 70.53 },
  ...bit("objectnet-boxes", {
    R50x1: [35.1, 41.6, 42.5, 58.7, 64.9, 66.0],
    R101x1: [37.4, 46.1, 49.1, 61.1, 69.4, 72.4],
    R50x3: [38.4, 46.2, 54.7, 61.5, 70.1, 77.5],
    R101x3: [40.2, 50.5, 60.4, 63.4, 73.6, 82.5],
    R152x4: [41.6, 52.8, 63.8, 64.4, 76.0, 85.1],
  }),
  { set: "imagenet-v2", model: "ViT-G/14", upstream: "JFT-3B", top1: 83.33 },
  { set: "real", model: "ViT-L/16", upstream: "ImageNet-21k", top1: 88.62 },
  { set: "real", model: "ViT-L/16", upstream: "JFT-300M", top1: 90.54 },
  { set: "real", model: "BiT R152x4", upstream: "JFT-300M", top1: 90.54 },
  { set: "real", model: "ViT-H/14", upstream: "JFT-300M", top1: 90.72 },
  { set: "real", model: "ViT-G/14", upstream: "JFT-3B", top1: 90.81 },
];
