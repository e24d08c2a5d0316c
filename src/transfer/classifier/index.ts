/** Writes fitted classifiers to disk, with their report. */
export { type ClassifierContents, howMeasured, requireClassifierFolder, writeClassifier } from "./folder.js";
export { classifierReport, type ReportContents } from "./report.js";
