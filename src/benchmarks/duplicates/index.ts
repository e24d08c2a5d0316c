/** Benchmarks of the search for near-duplicates: human-labelled pairs and edited copies. */

export { type DedupAccuracy, type DedupAccuracyOptions, dedupAccuracy } from "./accuracy.js";
export { benchEdited, type EditedBench, type EditResult } from "./edited.js";
export { type Edit, edits } from "./edits.js";
export { benchJudged, type CurvePoint, type JudgedBench, precisionRecallChart } from "./judged.js";
export { benchLadder, type LadderBench } from "./ladder.js";
