/** Stages of residual units shared by both ResNet versions, and optional parts of a unit besides its convolutions. */
import type { Tensor } from "../graph/index.js";
import { nonLocalBlock, type Scope, squeezeExcitation, stochasticDepth, stochasticDepthRate } from "../nn/index.js";

/** Attention in a ResNet (papers.md 10.10); `stages` are numbered from 1. Default: all. */
export type ResNetAttention =
  | {
      /** Gates the channels of every unit's branch before the addition. */
      readonly kind: "squeezeExcitation";
      readonly stages?: readonly number[];
      /** Ratio of the channels to the hidden channels of the gate. Default: 16. */
      readonly reduction?: number;
    }
  | {
      /** Inserts non-local blocks after units. In the paper: stages 2 and 3, every second unit, width half of the channels. */
      readonly kind: "nonLocal";
      readonly stages?: readonly number[];
      /** The block follows every `every`-th unit of a stage. Default: 2. */
      readonly every?: number;
      /** Ratio of the channels of queries, keys and values to those of the image. Default: 0.5. */
      readonly widthRatio?: number;
      readonly subsample?: boolean;
    };

/** Stage and unit indices, both from 0. */
export interface Place {
  readonly stage: number;
  readonly unit: number;
}

/** Optional parts of a unit besides its convolutions. Default: none. */
export interface UnitExtras {
  readonly attention?: ResNetAttention | undefined;
  /** Drop probability of the last unit's branch; it rises linearly from 0 at the first unit. */
  readonly stochasticDepth?: number;
  readonly stochasticDepthRescale?: boolean;
}

export interface StageOptions extends UnitExtras {
  /** Number of units in each stage. */
  readonly blocks: readonly number[];
  /** Recompute each unit in the backward pass instead of keeping its intermediates. */
  readonly rematerialise?: boolean;
}

/** Settings of the norm of a non-local block. */
interface NormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/** Applies stages of units in scopes `block{i}/unit{j}`, numbered from 1; returns the output of every stage, [N, C, h, w]. */
export function residualStages(
  scope: Scope,
  image: Tensor,
  options: StageOptions,
  unitOf: (scope: Scope, x: Tensor, place: Place) => Tensor,
): Tensor[] {
  let x = image;
  return options.blocks.map((units, stage) => {
    for (let unit = 0; unit < units; unit++) {
      x = scope
        .at(`block${stage + 1}`)
        .block(`unit${unit + 1}`, x, options.rematerialise ?? false, (inner, x) => unitOf(inner, x, { stage, unit }));
    }
    return x;
  });
}

/** Branch of a unit before it is added to the shortcut, with squeeze-and-excitation and stochastic depth. */
export function residualBranch(scope: Scope, y: Tensor, { stage, unit }: Place, options: StageOptions): Tensor {
  const { blocks, attention, stochasticDepth: last = 0, stochasticDepthRescale = true } = options;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const drop = stochasticDepthRate(last, sum(blocks.slice(0, stage)) + unit, sum(blocks));
  const isGated = attention?.kind === "squeezeExcitation" && appliesTo(attention, stage);
  const gated = isGated ? squeezeExcitation(scope.at("se"), y, attention.reduction) : y;
  return stochasticDepth(scope, gated, drop, stochasticDepthRescale);
}

/** Applies a non-local block to the output of a unit, if `attention` places one there. */
export function withNonLocal(
  scope: Scope,
  x: Tensor,
  { stage, unit }: Place,
  { attention, groups, epsilon }: UnitExtras & NormOptions,
): Tensor {
  if (attention?.kind !== "nonLocal" || !appliesTo(attention, stage)) return x;
  const { every = 2, widthRatio = 0.5, subsample = false } = attention;
  if ((unit + 1) % every !== 0) return x;
  const width = Math.max(1, Math.floor(x.shape[1]! * widthRatio));
  return nonLocalBlock(scope.at("nonLocal"), x, { width, subsample, groups, epsilon });
}

const appliesTo = (attention: ResNetAttention, stage: number): boolean => attention.stages?.includes(stage + 1) ?? true;
