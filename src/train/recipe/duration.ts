/** Defines the schema of a duration in recipes. */
import { z } from "zod";
import { type Duration, durationUnits } from "./durations.js";

/** A duration in one of its units. The schema is marked, so that a unit from the command line replaces another unit. */
export const durationSchema = z
  .strictObject({
    /** Optimiser steps. */
    steps: z.number().optional(),
    /** Training images. */
    examples: z.number().optional(),
    /** Passes over the training images. */
    epochs: z.number().optional(),
    /** A fraction of the run: 0.1 is a tenth of it. */
    percent: z.number().max(1, "a fraction of the run: 0.1 is a tenth of it").optional(),
  })
  .refine((duration: Duration) => durationUnits.filter((unit) => (duration[unit] ?? -1) >= 0).length === 1, {
    error: `give exactly one of ${durationUnits.join(", ")}, 0 or more`,
  })
  .meta({ duration: true });
