/** Fitting a classifier: model selection, expected accuracy, calibration. */
export {
  type Candidate,
  type Expectation,
  type FitOptions,
  type FittedClassifier,
  fitClassifier,
  type Named,
} from "./fit.js";
