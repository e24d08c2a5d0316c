/** Few-shot transfer: the ridge evaluator, the classifier behind it, the game, and the raw-pixel baseline. */

export {
  drawnExamples,
  type EmbeddedImages,
  type EmbeddedSource,
  type EmbedOptions,
  embedDrawn,
  embedSource,
} from "./embed.js";
export {
  type FewShotOptions,
  type FewShotReport,
  type FewShotResult,
  type FewShotSummary,
  fewShot,
  selectRows,
  supportOrder,
} from "./evaluate.js";
export { type Features, type ImageBatch, joinFeatures, rawPixelFeatures } from "./features.js";
export { type GameOptions, type GameQuery, type GameResult, type GameRound, playGame } from "./game.js";
export { type NumpyGenerator, numpyGenerator } from "./random.js";
export {
  biasConstant,
  defaultL2,
  fitRidges,
  type RidgeClassifier,
  type RidgeForm,
  type RidgeOptions,
  ridgeClassifier,
  ridgeClassifiers,
} from "./ridge.js";
export { type Summary, studentQuantile, summarise, wilsonInterval } from "./statistics.js";
