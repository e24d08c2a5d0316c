/** Classifiers on disk: written, opened, reported. */
export {
  type ClassifierContents,
  type ClassifierDescription,
  howMeasured,
  isClassifierFolder,
  readClassifier,
  requireClassifierFolder,
  writeClassifier,
} from "./folder.js";
export { type Classifier, type ClassifierOptions, isClassifierPath, openClassifier } from "./open.js";
export { classifierReport, type ReportContents } from "./report.js";
