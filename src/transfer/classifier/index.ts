/** Classifiers on disk: written, reported. */
export { type ClassifierContents, howMeasured, requireClassifierFolder, writeClassifier } from "./folder.js";
export { classifierReport, type ReportContents } from "./report.js";
