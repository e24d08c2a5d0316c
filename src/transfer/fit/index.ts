/** Fitting a classifier to one's own images: choosing, measuring, calibrating. */
export {
  type Candidate,
  type Expectation,
  type FitOptions,
  type FittedClassifier,
  fitClassifier,
  type Named,
} from "./fit.js";
