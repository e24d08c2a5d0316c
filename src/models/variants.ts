/**
 * The published Vision Transformers including hybrids and early convolutions, and a parser of names such as "S/16", "R50+B/16" and "C-4GF"
 * (papers.md 1.4, 3.1, 10.8).
 */
import { convolutionStem, resnetStem } from "./stems.js";
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

/** Patch sizes of published models (papers.md 1.4); any other integer works too. */
export const patchSizes: readonly number[] = [64, 48, 32, 28, 24, 16, 14, 8];

/** Variants with their published patch sizes (papers.md 1.4; the -opt shapes with that of g and G). */
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

/** Configuration of a name without the defaults. */
type Variant = ViTShape & Pick<ViTConfig, "stem" | "patchSize" | "pooling">;

const hybrid = (name: string, blocks: readonly number[], patchSize: number): Variant => ({
  ...vitVariants[name]!,
  stem: resnetStem(blocks),
  patchSize,
  pooling: "tok",
});

/**
 * The hybrids of the ViT and AugReg papers (papers.md 3.1); patch sizes refer to the ResNet's feature map. R+Ti/16 is called /16, but the
 * root of the released code downsamples by 4 and the patches by 8, so its tokens are 32 pixels apart.
 */
const hybrids: Readonly<Record<string, Variant>> = {
  "R+Ti/16": hybrid("Ti", [], 8),
  "R26+S/32": hybrid("S", [2, 2, 2, 2], 1),
  "R26+B/32": hybrid("B", [2, 2, 2, 2], 1),
  "R50+B/16": hybrid("B", [3, 4, 9], 1),
  "R50+L/32": hybrid("L", [3, 4, 6, 3], 1),
};

/** Both models of a size: `P` has 16-pixel patches, `C` has convolutions instead and one block fewer (papers.md 10.8). */
function earlyConvolutions(size: string, dimensions: ViTShape, channels: readonly number[]): Record<string, Variant> {
  const { depth } = dimensions;
  return {
    [`P-${size}`]: { ...dimensions, stem: { kind: "patch" }, patchSize: 16, pooling: "tok" },
    [`C-${size}`]: { ...dimensions, depth: depth - 1, stem: convolutionStem(channels), patchSize: 1, pooling: "tok" },
  };
}

const wideStem = [64, 128, 128, 256, 256, 512];
const earlyConvolutionVariants: Readonly<Record<string, Variant>> = {
  ...earlyConvolutions("1GF", shape(192, 12, 576, 3), [24, 48, 96, 192]),
  ...earlyConvolutions("4GF", shape(384, 12, 1152, 6), [48, 96, 192, 384]),
  ...earlyConvolutions("18GF", shape(768, 12, 3072, 12), wideStem),
  ...earlyConvolutions("36GF", shape(1024, 14, 4096, 16), wideStem),
};

export const publishedHybrids: readonly string[] = Object.keys(hybrids);
export const publishedEarlyConvolutions: readonly string[] = Object.keys(earlyConvolutionVariants);

function variantOf(name: string): Partial<ViTConfig> | undefined {
  // Own properties only: "constructor/16" is not a variant.
  for (const table of [hybrids, earlyConvolutionVariants]) if (Object.hasOwn(table, name)) return table[name];
  const [, plain = "", patch] = /^([A-Za-z0-9-]+)\/([1-9]\d*)$/.exec(name) ?? [];
  return Object.hasOwn(vitVariants, plain) ? { ...vitVariants[plain], patchSize: Number(patch) } : undefined;
}

/**
 * Configuration of a name, with the defaults and the given changes: a variant with any patch size ("B/16"), a hybrid ("R50+B/16"), or an
 * early-convolution model or its patch counterpart ("C-4GF", "P-4GF"). Throws RangeError.
 */
export function vitConfig(name: string, changes: Partial<ViTConfig> = {}): ViTConfig {
  const found = variantOf(name);
  if (!found) {
    throw new RangeError(
      `unknown Vision Transformer "${name}"; write NAME/PATCH, e.g. "S/16", with one of ${Object.keys(vitVariants).join(", ")}, or one of ${[...publishedHybrids, ...publishedEarlyConvolutions].join(", ")}`,
    );
  }
  return { ...vitDefaults, ...found, ...changes } as ViTConfig;
}
