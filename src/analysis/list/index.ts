/** The analyses, in the order of the report. */
import type { Analysis } from "../framework/analysis.js";
import { attentionDistance } from "./attention-distance.js";

export const analyses: readonly Analysis[] = [attentionDistance];
