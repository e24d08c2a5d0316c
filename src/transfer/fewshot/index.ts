/** Few-shot classification: the protocol, episodes, and the raw-pixel baseline. */

export { type Features, type ImageBatch, joinFeatures, rawPixelFeatures } from "../../algebra/features.js";
export type { AccuracySummary, Summary } from "../../algebra/statistics.js";
export {
  drawnExamples,
  type EmbeddedImages,
  type EmbeddedSource,
  type EmbedOptions,
  embedDrawn,
  embedSource,
} from "./embed.js";
export { type Episode, type EpisodeOptions, type EpisodeQuery, type EpisodesResult, runEpisodes } from "./episodes.js";
export {
  type FewShotOptions,
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShotOnFeatures,
  selectRows,
  supportOrder,
} from "./evaluate.js";
export { fewShotPreprocessing } from "./preprocessing.js";
