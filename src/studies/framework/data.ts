/** Opens what studies pre-train on, and identifies it by its contents. */
import { createHash } from "node:crypto";
import { openSource, readSpec } from "../../data/index.js";
import type { StudyData } from "./study.js";

/** The datasets that features are transferred to: those of the package with splits of their own. */
export const defaultDownstream = ["embedded:clothing", "embedded:fashion", "embedded:sign-digits"] as const;

/** Fractals of 200 categories, which need no files (papers.md 10.5). */
export const defaultUpstream = "generated:fractals?categories=200&instances=300";

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
  upstream: string = defaultUpstream,
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
