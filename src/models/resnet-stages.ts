/** What the ResNets of both versions share: stages of units, and what a unit may have besides its convolutions. */
import type { Tensor } from "../graph/index.js";
import { nonLocalBlock, type Scope, squeezeExcitation, stochasticDepth, stochasticDepthRate } from "../nn/index.js";

/** Attention within a ResNet (papers.md 10.10); `stages` are counted from 1, default: all. */
export type ResNetAttention =
  | {
      /** A gate on the channels of every unit's branch, before it is added. */
      readonly kind: "squeezeExcitation";
      readonly stages?: readonly number[];
      /** Channels divided by the hidden channels of the gate; default: 16. */
      readonly reduction?: number;
    }
  | {
      /** A non-local block after units. In the paper: stages 2 and 3, every second unit, width half of the channels. */
      readonly kind: "nonLocal";
      readonly stages?: readonly number[];
      /** The block follows every `every`-th unit of a stage; default: 2. */
      readonly every?: number;
      /** Channels of queries, keys and values divided by those of the image; default: 0.5. */
      readonly widthRatio?: number;
      readonly subsample?: boolean;
    };

/** A unit of a network, both counted from 0. */
export interface Place {
  readonly stage: number;
  readonly unit: number;
}

/** What a unit may have besides its convolutions; default: nothing. */
export interface UnitExtras {
  readonly attention?: ResNetAttention | undefined;
  /** Drop probability of the last unit's branch; it rises linearly from 0 at the first. */
  readonly stochasticDepth?: number;
  readonly stochasticDepthRescale?: boolean;
}

export interface StageOptions extends UnitExtras {
  /** Units in each stage. */
  readonly blocks: readonly number[];
  /** Compute each unit again in the backward pass instead of keeping its intermediates. */
  readonly rematerialise?: boolean;
}

/** The norms of a non-local block. */
interface NormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/** Stages of units in scopes `block{i}/unit{j}`, counted from 1; returns the output of every stage, [N, C, h, w]. */
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

/** The branch of a unit as it is added to the shortcut: gated by squeeze-and-excitation, dropped by stochastic depth. */
export function residualBranch(scope: Scope, y: Tensor, { stage, unit }: Place, options: StageOptions): Tensor {
  const { blocks, attention, stochasticDepth: last = 0, stochasticDepthRescale = true } = options;
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  const drop = stochasticDepthRate(last, sum(blocks.slice(0, stage)) + unit, sum(blocks));
  const isGated = attention?.kind === "squeezeExcitation" && appliesTo(attention, stage);
  const gated = isGated ? squeezeExcitation(scope.at("se"), y, attention.reduction) : y;
  return stochasticDepth(scope, gated, drop, stochasticDepthRescale);
}

/** The output of a unit, through a non-local block where `attention` places one after this unit. */
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
