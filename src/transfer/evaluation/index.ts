/** Evaluation of a classifier on a labelled dataset. */

export { type ClassMatch, type MatchBy, matchClasses } from "./match-classes.js";
export { type Accuracy, type ClassAccuracy, type MeasureInput, measureAccuracy, type Share } from "./measure.js";
export { type EvaluationReport, evaluationReport, imagesOfClasses } from "./report.js";
