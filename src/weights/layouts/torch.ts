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
