/** Defines the schema of a duration in recipes. */
import { z } from "zod";
import { type Duration, durationUnits } from "./durations.js";

const hasOneUnit = (duration: Duration): boolean =>
  durationUnits.filter((unit) => (duration[unit] ?? -1) >= 0).length === 1;
const oneUnitMessage = `give exactly one of ${durationUnits.join(", ")}, 0 or more`;

/** A duration in one of its units. The schema is marked, so that a unit from the command line replaces another unit. */
export const durationSchema = z
  .strictObject({
    /** Optimiser steps. */
    steps: z.number().optional(),
    /** Training images. */
    examples: z.number().optional(),
    /** Passes over the training images. */
    epochs: z.number().optional(),
    /** A fraction of the run, not a percentage: 0.1 is a tenth of it. */
    percent: z.number().max(1, "a fraction of the run: 0.1 is a tenth of it").optional(),
  })
  .refine(hasOneUnit, { error: oneUnitMessage })
  .meta({ duration: true });

/** The length of a run. */
export const totalSchema = z
  .strictObject({
    ...durationSchema.shape,
    /** Refused here: the length of the run cannot be a fraction of itself. */
    percent: durationSchema.shape.percent,
  })
  .refine(hasOneUnit, { error: oneUnitMessage })
  .refine((total: Duration) => (total.percent ?? -1) < 0, {
    error: "cannot be a percentage of the run; give steps, examples or epochs",
  })
  .meta({ duration: true });
