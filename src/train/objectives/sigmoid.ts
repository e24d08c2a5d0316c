/**
 * Sigmoid cross-entropy for any number of labels per image: -sum over classes of y log sig(z) + (1 - y) log sig(-z),
 * summed rather than averaged over classes, mean over the batch (papers.md 5.4, sigmoid_xent). Initialise the head's
 * bias to about -ln K (`model.headBiasInit`: -6.9 for 1,000 classes, -10 for 21,843 and JFT). Otherwise the first steps
 * only learn that labels are rare.
 */
import { z } from "zod";
import { classification } from "./classification.js";
import type { ObjectiveKind } from "./objective.js";

export const sigmoidSchema = z.strictObject({ name: z.literal("sigmoid") });

export const sigmoid: ObjectiveKind<z.output<typeof sigmoidSchema>> = {
  streams: ["train"],
  headClasses: (_, classes) => classes,
  probabilities: "sigmoid",
  mixes: true,
  judgesSingly: true,
  open: (_, context) => classification({ loss: "sigmoid", labelSmoothing: 0 }, context),
};
