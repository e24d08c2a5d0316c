/**
 * Softmax cross-entropy: -sum over classes of y log softmax(z), mean over the batch (papers.md 5.4, softmax_xent). With
 * label smoothing e, the label's target is 1 - e and every other class's e / (K - 1), as in big_vision. With
 * `labelSmoothingOver: "all"` they are 1 - e + e / K and e / K, as in PyTorch, timm and Keras.
 */
import { z } from "zod";
import { smoothingKinds } from "../../nn/index.js";
import { classification } from "./classification.js";
import type { ObjectiveKind } from "./objective.js";

export const softmaxSchema = z.strictObject({
  name: z.literal("softmax"),
  /** Fraction e of each target that is moved from the label to other classes. */
  labelSmoothing: z.number().min(0).lt(1).default(0),
  /** The classes it is moved to. `others`: e / (K - 1) to each of the others; `all`: e / K to each of the K classes. Default: "others". */
  labelSmoothingOver: z
    .enum(smoothingKinds, { error: 'expected "others", e / (K - 1) each, or "all", e / K each' })
    .optional(),
});

export const softmax: ObjectiveKind<z.output<typeof softmaxSchema>> = {
  streams: ["train"],
  headClasses: (_, classes) => classes,
  probabilities: "softmax",
  mixes: true,
  judgesSingly: true,
  open: ({ labelSmoothing, labelSmoothingOver }, context) =>
    classification({ loss: "softmax", labelSmoothing, labelSmoothingOver }, context),
};
