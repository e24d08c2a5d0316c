// Softmax cross-entropy: -sum over classes of y log softmax(z), mean over the batch (papers.md 5.4, softmax_xent). With
// smoothing e the label's target is 1 - e and every other class's e / (K - 1).
import { z } from "zod";
import { classification } from "./classification.js";
import type { ObjectiveKind } from "./objective.js";

export const softmaxSchema = z.strictObject({
  name: z.literal("softmax"),
  labelSmoothing: z.number().min(0).lt(1).default(0),
});

export const softmax: ObjectiveKind<z.output<typeof softmaxSchema>> = {
  streams: ["train"],
  headClasses: (_, classes) => classes,
  probabilities: "softmax",
  mixes: true,
  judgesSingly: true,
  open: ({ labelSmoothing }, context) => classification({ loss: "softmax", labelSmoothing }, context),
};
