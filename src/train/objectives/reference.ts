/** The settings by which a recipe refers to a user-defined model, objective, optimiser or schedule. */
import { z } from "zod";
import type { Reference } from "../../text/definitions.js";

/** Plain settings of a user-defined part. */
export const customSettingsSchema = z.record(
  z.string(),
  z.union([z.number(), z.string(), z.boolean(), z.array(z.number())], {
    error: "expected a number, a text, true, false or a list of numbers",
  }),
);

export const referenceShape = {
  /** Name of the user-defined part, as its definition states it. */
  definition: z.string(),
  /** Version of its code, as its definition states it. */
  version: z.string(),
  /** Settings that its code reads. */
  settings: customSettingsSchema.default({}),
};

/** A refinement that refuses a reference to what is not defined. `problem` says why it cannot be followed. */
export const isDefined =
  (problem: (reference: Reference) => string | undefined) =>
  (reference: Reference, context: z.core.$RefinementCtx): void => {
    const message = problem(reference);
    // nothing else can be checked without the definition
    if (message !== undefined) context.addIssue({ code: "custom", path: ["definition"], message, continue: false });
  };
