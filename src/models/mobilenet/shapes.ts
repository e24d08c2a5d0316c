/** The layers of the published MobileNets, for a width factor of 1. Source: tables 2 (V2), 1 and 2 (V3) of the papers (papers.md 15). */

export type Activation = "relu" | "relu6" | "hardSwish";

export const activationNames: readonly Activation[] = ["relu", "relu6", "hardSwish"];

export interface InvertedResidual {
  /** Ratio of the channels of the depthwise convolution to those of the block's input; at 1 there is no expansion. */
  readonly expansion: number;
  /** Number of output channels. */
  readonly channels: number;
  /** Side of the depthwise kernels. */
  readonly kernel: number;
  readonly stride: number;
  /** Whether it has squeeze-and-excitation. */
  readonly isGated: boolean;
  readonly activation: Activation;
}

export interface MobileNetShape {
  /** Number of channels of the first convolution. */
  readonly stem: number;
  readonly blocks: readonly InvertedResidual[];
  /** Number of channels of the last convolution, which a dense layer follows; undefined if its mean is the features. */
  readonly last: number | undefined;
  /** Width of the features. */
  readonly featureWidth: number;
  /** Activation of the first and the last layers. */
  readonly activation: Activation;
}

/** Rounds a number of channels to a multiple of 8 that is at least 8 and at least 0.9 times the number. */
export function scaledChannels(channels: number, factor: number): number {
  const exact = channels * factor;
  const rounded = Math.max(8, Math.floor((exact + 4) / 8) * 8);
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

/** Repeated blocks of version 2, of which the first has the stride. */
const repeated = (expansion: number, channels: number, count: number, stride: number): InvertedResidual[] =>
  Array.from({ length: count }, (_, i) => ({
    expansion,
    channels,
    kernel: 3,
    stride: i === 0 ? stride : 1,
    isGated: false,
    activation: "relu6",
  }));

/** A block of version 3 by the table of the paper: kernel, channels of the expansion and of its input, output channels. */
const block = (
  kernel: number,
  [expanded, input]: readonly [number, number],
  channels: number,
  part: "gated" | "plain",
  activation: Activation,
  stride: number,
): InvertedResidual => ({
  kernel,
  expansion: expanded / input,
  channels,
  isGated: part === "gated",
  activation,
  stride,
});

export const mobilenetShapes = {
  V2: {
    stem: 32,
    blocks: [
      ...repeated(1, 16, 1, 1),
      ...repeated(6, 24, 2, 2),
      ...repeated(6, 32, 3, 2),
      ...repeated(6, 64, 4, 2),
      ...repeated(6, 96, 3, 1),
      ...repeated(6, 160, 3, 2),
      ...repeated(6, 320, 1, 1),
    ],
    last: undefined,
    featureWidth: 1280,
    activation: "relu6",
  },
  "V3-large": {
    stem: 16,
    blocks: [
      block(3, [16, 16], 16, "plain", "relu", 1),
      block(3, [64, 16], 24, "plain", "relu", 2),
      block(3, [72, 24], 24, "plain", "relu", 1),
      block(5, [72, 24], 40, "gated", "relu", 2),
      block(5, [120, 40], 40, "gated", "relu", 1),
      block(5, [120, 40], 40, "gated", "relu", 1),
      block(3, [240, 40], 80, "plain", "hardSwish", 2),
      block(3, [200, 80], 80, "plain", "hardSwish", 1),
      block(3, [184, 80], 80, "plain", "hardSwish", 1),
      block(3, [184, 80], 80, "plain", "hardSwish", 1),
      block(3, [480, 80], 112, "gated", "hardSwish", 1),
      block(3, [672, 112], 112, "gated", "hardSwish", 1),
      block(5, [672, 112], 160, "gated", "hardSwish", 2),
      block(5, [960, 160], 160, "gated", "hardSwish", 1),
      block(5, [960, 160], 160, "gated", "hardSwish", 1),
    ],
    last: 960,
    featureWidth: 1280,
    activation: "hardSwish",
  },
  "V3-small": {
    stem: 16,
    blocks: [
      block(3, [16, 16], 16, "gated", "relu", 2),
      block(3, [72, 16], 24, "plain", "relu", 2),
      block(3, [88, 24], 24, "plain", "relu", 1),
      block(5, [96, 24], 40, "gated", "hardSwish", 2),
      block(5, [240, 40], 40, "gated", "hardSwish", 1),
      block(5, [240, 40], 40, "gated", "hardSwish", 1),
      block(5, [120, 40], 48, "gated", "hardSwish", 1),
      block(5, [144, 48], 48, "gated", "hardSwish", 1),
      block(5, [288, 48], 96, "gated", "hardSwish", 2),
      block(5, [576, 96], 96, "gated", "hardSwish", 1),
      block(5, [576, 96], 96, "gated", "hardSwish", 1),
    ],
    last: 576,
    featureWidth: 1024,
    activation: "hardSwish",
  },
} as const satisfies Record<string, MobileNetShape>;
