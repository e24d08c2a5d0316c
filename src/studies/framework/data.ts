/** Opens what studies pre-train on, and identifies it by its contents. */
import { createHash } from "node:crypto";
import { openSource, readSpec } from "../../data/index.js";
import type { StudyData } from "./study.js";

/** The datasets that features are transferred to: those of the package with splits of their own. */
export const defaultDownstream = ["embedded:clothing", "embedded:fashion", "embedded:sign-digits"] as const;

/**
 * Fractals of 200 categories, 60,000 images, which need no files. They are drawn at three times the image size, at most at FractalDB's 362 pixels,
 * with as many points a pixel and as wide a margin (papers.md 10.5): drawing them for 32 pixels takes a thirteenth of the time.
 */
export function fractals(imageSize: number): string {
  const published = { size: 362, points: 200_000, padding: 6 };
  const size = Math.min(published.size, 3 * imageSize);
  const share = size / published.size;
  const [points, padding] = [Math.round(published.points * share ** 2), Math.round(published.padding * share)];
  return `generated:fractals?categories=200&instances=300&size=${size}&points=${points}&padding=${padding}`;
}

/** The split that upstream accuracy is measured on is the first of these that the dataset has. */
const heldSplits = ["validation", "test"];

/** Number of examples whose positions and labels are part of the identity. */
const sampled = 64;

/** Throws for a dataset that features cannot be transferred to: without the splits "train" and "test". */
async function requireTransferable(spec: string): Promise<void> {
  const { splits } = await readSpec(spec);
  if (splits.includes("train") && splits.includes("test")) return;
  throw new Error(
    `${spec} has the splits ${splits.join(", ")}; a downstream dataset needs "train" and "test": put the images into folders of these names`,
  );
}

/**
 * Reads what identifies an upstream dataset. Throws for a dataset without a split "train", for a downstream
 * dataset without "train" and "test", and what opening them throws.
 */
export async function studyData(
  upstream: string,
  downstream: readonly string[] = defaultDownstream,
): Promise<StudyData> {
  for (const spec of downstream) await requireTransferable(spec);
  const { splits } = await readSpec(upstream);
  if (!splits.includes("train")) {
    throw new Error(
      `${upstream} has the splits ${splits.join(", ")}; studies need a split "train": put the training images into a folder of this name`,
    );
  }
  await using source = await openSource(upstream, { split: "train" });
  const { length, classNames, labels } = source;
  const step = Math.max(1, Math.floor(length / sampled));
  const examples = Array.from({ length: Math.min(sampled, length) }, (_, i) => [i * step, labels[i * step]]);
  const identity = createHash("sha256")
    .update(JSON.stringify([length, classNames, examples]))
    .digest("hex");
  return {
    upstream,
    identity: identity.slice(0, 12),
    images: length,
    classes: classNames.length,
    heldSplit: heldSplits.find((name) => splits.includes(name)),
    downstream,
  };
}
