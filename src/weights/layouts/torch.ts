/**
 * Rows shared by all of PyTorch's layouts: norms and dense layers have `weight` and `bias`, and kernels are transposed.
 */
import { type Row, turns } from "./table.js";

export const torchNorm = (our: string, their: string): Row[] => [
  { ours: `${our}/scale`, theirs: `${their}.weight` },
  { ours: `${our}/bias`, theirs: `${their}.bias` },
];

export const torchDense = (our: string, their: string): Row[] => [
  { ours: `${our}/kernel`, theirs: `${their}.weight`, steps: turns.dense },
  { ours: `${our}/bias`, theirs: `${their}.bias` },
];

/** Several dense layers of ours in one of theirs, concatenated along its rows. */
export const torchPacked = (ours: readonly string[], their: string): Row[] => [
  { ours: ours.map((name) => `${name}/kernel`), theirs: `${their}.weight`, steps: turns.dense },
  { ours: ours.map((name) => `${name}/bias`), theirs: `${their}.bias` },
];

/** Several projections of an attention layer in one tensor of theirs, concatenated along its rows; `separator` is before "weight" and "bias". */
export const torchProjections = (
  attention: string,
  names: readonly string[],
  theirs: string,
  separator: "." | "_" = ".",
): Row[] => [
  {
    ours: names.map((name) => `${attention}/${name}/kernel`),
    theirs: `${theirs}${separator}weight`,
    steps: turns.intoHeads,
  },
  {
    ours: names.map((name) => `${attention}/${name}/bias`),
    theirs: `${theirs}${separator}bias`,
    steps: turns.headBias,
  },
];

/** The output projection of an attention layer. */
export const torchOutput = (attention: string, theirs: string): Row[] => [
  { ours: `${attention}/out/kernel`, theirs: `${theirs}.weight`, steps: turns.outOfHeads },
  { ours: `${attention}/out/bias`, theirs: `${theirs}.bias` },
];

/** Our names in block `{l}`. */
export const ourBlock = "Transformer/encoderblock_{l}";
export const ourAttention = `${ourBlock}/MultiHeadDotProductAttention_0`;
export const ourMlp = `${ourBlock}/MlpBlock_0`;
export const ourGated = `${ourBlock}/SwiGLU_0`;
export const ourPool = "MAPHead_0";
export const ourPoolAttention = `${ourPool}/MultiHeadDotProductAttention_0`;
