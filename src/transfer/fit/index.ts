/** Fitting a classifier: model selection, expected accuracy, calibration. */
export { type Expectation, type FitOptions, type FittedClassifier, fitClassifier, type Named } from "./fit.js";
export type { Candidate } from "./selection.js";
