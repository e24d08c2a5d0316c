/**
 * Sigmoid cross-entropy of any number of labels an image: -sum over classes of y log sig(z) + (1 - y) log sig(-z), summed and
 * not averaged over classes, mean over the batch (papers.md 5.4, sigmoid_xent). Start the head's bias at about -ln K
 * (`model.headBiasInit`: -6.9 for 1,000 classes, -10 for 21,843 and JFT), or the first steps only teach it that labels are rare.
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
