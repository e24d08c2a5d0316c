// The published Vision Transformer variants and how a name such as "S/16" is read (papers.md 1.4).
import { type ViTConfig, vitDefaults } from "./vit.js";

export interface ViTShape {
  readonly width: number;
  readonly depth: number;
  readonly mlpDim: number;
  readonly heads: number;
}

const shape = (width: number, depth: number, mlpDim: number, heads: number): ViTShape => ({
  width,
  depth,
  mlpDim,
  heads,
});

export const vitVariants: Readonly<Record<string, ViTShape>> = {
  mu: shape(32, 1, 128, 2),
  s: shape(256, 6, 1024, 8),
  Ti: shape(192, 12, 768, 3),
  S: shape(384, 12, 1536, 6),
  M: shape(512, 12, 2048, 8),
  B: shape(768, 12, 3072, 12),
  L: shape(1024, 24, 4096, 16),
  So400m: shape(1152, 27, 4304, 16),
  H: shape(1280, 32, 5120, 16),
  g: shape(1408, 40, 6144, 16),
  "g-opt": shape(1536, 40, 6144, 16),
  G: shape(1664, 48, 8192, 16),
  "G-opt": shape(1536, 48, 8192, 16),
  e: shape(1792, 56, 15360, 16),
};

/** Patch sizes in published use (papers.md 1.4); any other whole number works too. */
export const patchSizes: readonly number[] = [64, 48, 32, 28, 24, 16, 14, 8];

/** Variants at the patch sizes they were published with (papers.md 1.4; the -opt shapes with that of g and G). */
export const publishedViTs: readonly string[] = [
  "mu/16",
  "s/28",
  "s/16",
  "Ti/16",
  "S/32",
  "S/16",
  "M/16",
  "B/32",
  "B/28",
  "B/16",
  "B/8",
  "L/32",
  "L/16",
  "So400m/14",
  "H/14",
  "g/14",
  "g-opt/14",
  "G/14",
  "G-opt/14",
  "e/14",
];

/** The configuration a name such as "B/16" stands for, with the defaults and the given changes. Throws RangeError. */
export function vitConfig(variant: string, changes: Partial<ViTConfig> = {}): ViTConfig {
  const match = /^([A-Za-z0-9-]+)\/(\d+)$/.exec(variant);
  // own names only: "constructor/16" names no variant
  const found = match && Object.hasOwn(vitVariants, match[1]!) ? vitVariants[match[1]!] : undefined;
  if (!match || !found || Number(match[2]) < 1) {
    throw new RangeError(
      `unknown Vision Transformer "${variant}"; write NAME/PATCH, e.g. "S/16", with one of ${Object.keys(vitVariants).join(", ")}`,
    );
  }
  return { ...vitDefaults, ...found, patchSize: Number(match[2]), ...changes };
}
