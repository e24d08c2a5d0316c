/** The model of a recipe: the settings of every family and their defaults (read by `modelConfig` of plan/plan.ts). */
import { z } from "zod";
import { activationNames, customModelProblem, mobilenetShapes, publishedSuccessors } from "../../models/index.js";
import { unknownName } from "../../text/nearest.js";
import { isDefined, referenceShape } from "../objectives/index.js";

const count = z.number().int().positive();
const counts = z.array(count).min(1);
const fraction = z.number().min(0).lt(1);
const positive = z.number().positive();

const imageSize = z.union([count, z.tuple([count, count])], {
  error: "expected a side in pixels or [height, width]",
});

/** Settings of every family. */
const everyModel = {
  /** Side of the input images in pixels, or [height, width]. */
  imageSize: imageSize.default(224),
  /** Channels of the input images. */
  channels: count.default(3),
  /** Dropout probability in the blocks, or before the head of a convolutional network. */
  dropout: fraction.default(0),
  /** Drop probability of the last block's residual branches; it rises linearly from 0 at the first. */
  stochasticDepth: fraction.default(0),
  /**
   * Divide residual branches that are kept by their probability. Default: as in the family's reference code (not for
   * Mixers).
   */
  stochasticDepthRescale: z.boolean().optional(),
  /** Recompute the activations of blocks in the backward pass instead of storing them. */
  rematerialise: z.boolean().default(false),
  /** Initial bias of the head. */
  headBiasInit: z.number().optional(),
};

/** Dropout probability on the representation, before the head. For a ResNet, `dropout` is already there. */
const headDropout = fraction.optional();

const stemSchema = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({ kind: z.literal("patch") }),
    /** A ResNet before the patches, as in hybrids; `patchSize` then counts positions of its feature map. */
    z.strictObject({
      kind: z.literal("resnet"),
      /** Units in each stage. */
      blocks: z.array(count),
      /** Factor of the number of channels. */
      widthFactor: positive.default(1),
      /** Groups of the group norms. */
      groups: count.default(32),
    }),
    /** 3x3 convolutions before the patches. */
    z.strictObject({
      kind: z.literal("convolutions"),
      /** Channels of each convolution. */
      channels: counts,
      /** Stride of each convolution. */
      strides: counts,
      /** Groups of the group norms. */
      groups: count.default(8),
    }),
  ],
  { error: unknownName("stem", ["patch", "resnet", "convolutions"], "kind") },
);

const rotarySchema = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      /** Centres of patches in [-1, 1], as in DINOv3. */
      kind: z.literal("centred"),
      /** Base of the frequencies; 100 in DINOv3. */
      base: positive.default(100),
    }),
    z.strictObject({
      /** Numbers of rows and columns, as in EVA-02 and PE. */
      kind: z.literal("cells"),
      /** Base of the frequencies; 10000 in EVA-02 and PE. */
      base: positive.default(10_000),
      /** Grid of pre-training, [rows, columns], to which positions are scaled. Default: the grid of the images. */
      reference: z.tuple([count, count]).optional(),
      /** Added to the numbers of rows and columns; 1 in PE. */
      offset: z.number().optional(),
      /** Whether the angles of rows or of columns come first; "xy" in PE. */
      order: z.enum(["yx", "xy"]).optional(),
    }),
  ],
  { error: unknownName("rotary embedding", ["centred", "cells"], "kind") },
);

const vitSchema = z
  .strictObject({
    name: z.literal("vit"),
    /** A published variant such as "S/16", "R50+B/16", "C-4GF" or "DINOv2-S/14"; the settings below replace single ones of it. */
    variant: z.string().optional(),
    /** The layers before the blocks: `patch` embeds patches of the pixels, `resnet` and `convolutions` embed patches of their output. Default: patch. */
    stem: stemSchema.optional(),
    /** Side of the patches in pixels. */
    patchSize: count.optional(),
    /** Width of the tokens. */
    width: count.optional(),
    /** Number of blocks. */
    depth: count.optional(),
    /** Attention heads. */
    heads: count.optional(),
    /** Width of the hidden layer of the MLPs. */
    mlpDim: count.optional(),
    /**
     * How tokens are pooled: `gap` takes their mean, `tok` the class token, `map` pools by attention, `none` returns
     * all tokens. Of the variants only successors such as "DINOv2-S/14" set it; the published hybrids need `tok`.
     */
    pooling: z.enum(["gap", "tok", "map", "none"]).default("gap"),
    /** Whether the last norm is before or after the mean over tokens; "after" is timm's `fc_norm`, for pooling gap. */
    poolNorm: z.enum(["before", "after"]).optional(),
    /** Position embeddings. */
    posEmbedding: z.enum(["learn", "learn2d", "relative", "sincos2d", "none"]).default("learn"),
    /** Where position embeddings are added. */
    posEmbeddingLayers: z.enum(["input", "everyLayer", "everyLayerShared"]).default("input"),
    /**
     * `before`: the class token is prepended before the position embeddings are added, and has one of its own; `after`:
     * it is prepended afterwards.
     */
    classTokenOrder: z.enum(["before", "after"]).optional(),
    /** A hidden tanh layer before the head: true for the model's width, or another width. */
    preLogits: z.union([z.boolean(), count]).default(false),
    /** Form of the GELU. */
    gelu: z.enum(["tanh", "erf", "quick"]).default("tanh"),
    /** Epsilon of the norms. */
    layerNormEpsilon: positive.optional(),
    /** Whether there is a class token. Default: only for pooling `tok`. */
    classToken: z.boolean().optional(),
    /** Number of register tokens: learned tokens without a position, which are not pooled. */
    registers: count.optional(),
    /** Rotary embeddings of the patches in the attention: `centred` as in DINOv3, `cells` as in EVA-02 and PE. */
    rotary: rotarySchema.optional(),
    /** Norm of the whole network: layer norm, or the root mean square norm. */
    norm: z.enum(["layer", "rms"]).optional(),
    /** Norm of the patch tokens before positions are added, or of all tokens after that. */
    inputNorm: z.enum(["none", "patches", "tokens"]).optional(),
    /** Norms inside the branches: of attended values, of the hidden layer of the MLPs. */
    innerNorms: z.array(z.enum(["attention", "mlp"])).optional(),
    /** Initial value of learned factors of both branches (LayerScale). */
    layerScale: positive.optional(),
    /** MLPs of the blocks: dense, GELU, dense; or gated by SiLU. */
    mlp: z.enum(["gelu", "swiglu"]).optional(),
    /** Layers without a bias. */
    withoutBias: z.array(z.enum(["query", "key", "value", "out", "mlp", "patch"])).optional(),
    /** Heads of attention pooling. Default: `heads`. */
    poolHeads: count.optional(),
    /** Width of a linear projection of the pooled features. */
    projection: count.optional(),
    /** Dropout probability before the head. */
    headDropout,
    ...everyModel,
  })
  .refine((model) => model.variant !== undefined || (model.patchSize && model.width && model.depth && model.heads), {
    error: 'give a variant such as "S/16", or all of patchSize, width, depth and heads',
  });

const attentionSchema = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("squeezeExcitation"),
      /** Stages with this attention. */
      stages: counts.optional(),
      /** Factor by which channels are reduced in the bottleneck. */
      reduction: count.optional(),
    }),
    z.strictObject({
      kind: z.literal("nonLocal"),
      /** Stages with this attention. */
      stages: counts.optional(),
      /** Interval between units with this attention: 2 is every second unit. */
      every: count.optional(),
      /** Ratio of inner to outer channels. */
      widthRatio: positive.optional(),
      /** Halve the height and width of keys and values. */
      subsample: z.boolean().optional(),
    }),
  ],
  { error: unknownName("attention", ["squeezeExcitation", "nonLocal"], "kind") },
);

const resnetSchema = z
  .strictObject({
    name: z.literal("resnet"),
    /** A published variant such as "R50x1" (BiT) or "ResNet-50"; the settings below replace single ones of it. */
    variant: z.string().optional(),
    /** 1: norms after convolutions; 2: pre-activation. */
    version: z.union([z.literal(1), z.literal(2)]).optional(),
    /** Units in each stage. */
    blocks: counts.optional(),
    /** Factor of the number of channels. */
    widthFactor: positive.optional(),
    /** Groups of the group norms. */
    groups: count.optional(),
    /** Epsilon of the group norms. */
    groupNormEpsilon: positive.optional(),
    /** Standardisation of convolution kernels: as in BiT, as in Flax, or none. */
    weightStandardisation: z.enum(["bit", "flax", "none"]).optional(),
    /** Padding of the max pooling after the first convolution. */
    rootPoolPadding: z.enum(["zeros", "none"]).optional(),
    /** Channel attention in the units. */
    attention: attentionSchema.optional(),
    /** Stages before the last whose averaged activations are also part of the representation. */
    pooledStages: counts.optional(),
    /** Number of directions along which the means of each pooled stage are whitened in part (`ResNetConfig.whitening`). */
    whitening: count.optional(),
    ...everyModel,
  })
  .refine((model) => model.variant !== undefined || model.blocks, {
    error: 'give a variant such as "R50x1", or the blocks of each stage',
  });

const mixerSchema = z
  .strictObject({
    name: z.literal("mixer"),
    /** A published variant such as "Mixer-B/16"; the settings below replace single ones of it. */
    variant: z.string().optional(),
    /** Side of the patches in pixels. */
    patchSize: count.optional(),
    /** Width of the tokens. */
    width: count.optional(),
    /** Number of blocks. */
    depth: count.optional(),
    /** Width of the token-mixing MLPs. Default: half of the width, as in every published model. */
    tokensMlpDim: count.optional(),
    /** Width of the channel-mixing MLPs. Default: four times the width, as in every published model. */
    channelsMlpDim: count.optional(),
    /** Form of the GELU. */
    gelu: z.enum(["tanh", "erf"]).default("tanh"),
    /** Epsilon of the layer norms. */
    layerNormEpsilon: positive.optional(),
    /** Dropout probability before the head. */
    headDropout,
    ...everyModel,
  })
  .refine((model) => model.variant !== undefined || (model.patchSize && model.width && model.depth), {
    error: 'give a variant such as "Mixer-B/16", or all of patchSize, width and depth',
  });

const mobilenetSchema = z.strictObject({
  name: z.literal("mobilenet"),
  /** A published variant such as "V2-1.0" or "V3-large-0.75"; the settings below replace single ones of it. */
  variant: z.string().optional(),
  /** The layers: those of MobileNetV2, or of the large or the small MobileNetV3. */
  architecture: z.enum(Object.keys(mobilenetShapes) as (keyof typeof mobilenetShapes)[]).optional(),
  /** Factor of the number of channels, which are rounded to multiples of 8. */
  widthFactor: positive.optional(),
  /** Replaces every activation of the published network. */
  activation: z.enum(activationNames).optional(),
  /** Width of the features. */
  featureWidth: count.optional(),
  /** Padding of the convolutions: as in TensorFlow and the published networks, or as in PyTorch. */
  padding: z.enum(["same", "symmetric"]).optional(),
  /** Epsilon of the batch norms. */
  batchNormEpsilon: positive.optional(),
  /** Weight of the running statistics of the batch norms in their next value. */
  batchNormMomentum: fraction.optional(),
  ...everyModel,
});

const customModelSchema = z
  .strictObject({
    name: z.literal("custom"),
    ...referenceShape,
    imageSize: everyModel.imageSize,
    channels: everyModel.channels,
    rematerialise: everyModel.rematerialise,
    headBiasInit: everyModel.headBiasInit,
    /** Dropout probability before the head. */
    headDropout,
  })
  .superRefine(isDefined(customModelProblem));

/** A model of any family, selected by `name`; `custom` is the model of a `defineModel`. */
export const modelSchema = z.discriminatedUnion(
  "name",
  [vitSchema, resnetSchema, mixerSchema, mobilenetSchema, customModelSchema],
  {
    error: unknownName("model", ["vit", "resnet", "mixer", "mobilenet"]),
  },
);

export type RecipeModel = z.output<typeof modelSchema>;

/**
 * The model of a recipe before its defaults are filled in: a variant that is a successor of the Vision Transformer brings all settings of the published
 * network, which a recipe's defaults would replace otherwise. Settings that are given take precedence.
 */
export function withVariantSettings(model: unknown): unknown {
  if (typeof model !== "object" || model === null) return model;
  const given = Object.fromEntries(Object.entries(model).filter(([, value]) => value !== undefined));
  const found = given["name"] === "vit" && publishedSuccessors.find(({ name }) => name === given["variant"]);
  if (!found) return model;
  const known = Object.entries(found.config).filter(([key]) => Object.hasOwn(vitSchema.shape, key));
  return { ...Object.fromEntries(known), ...given };
}
