// The search for near-duplicates, measured: speed, pairs judged by people, edited copies.
export { benchEdited, type EditedBench, type EditResult } from "./edited.js";
export { type Edit, edits } from "./edits.js";
export { benchJudged, type CurvePoint, type JudgedBench, precisionRecallChart } from "./judged.js";
export { benchLadder, type LadderBench } from "./ladder.js";
export { benchEmbeddings, benchHamming, type EmbeddingSpeed, type HammingSpeed } from "./speed.js";
