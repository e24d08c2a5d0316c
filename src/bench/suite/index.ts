// The benchmark of transfer: tasks, the 1,000-example protocol, sweeps, scores, published rows.
export {
  accuraciesOf,
  type MissingTask,
  NoTaskError,
  runSuite,
  type SeedResult,
  type SuiteOptions,
  type SuiteReport,
  type TaskReport,
} from "./benchmark.js";
export { planSuite, type SuitePlan } from "./dry-run.js";
export { embeddedTasks, suiteTasks } from "./embedded/index.js";
export { methodNamed, type SuiteMethod, suiteMethods } from "./methods.js";
export { cutPart, cutTrain1000, suitePreprocessing } from "./protocol.js";
export { type PublishedRow, publishedRows, publishedTasks } from "./published.js";
export { suiteHtml } from "./report.js";
export { publishedMeans, type SuiteScore, scoreSuite } from "./scores.js";
export { type SuiteName, suiteNames, tasksOf } from "./suites.js";
export { heavyTrials, type SweepName, searchedNames, sweepNames, sweepSettings } from "./sweep.js";
export { publishedText, tableText } from "./table.js";
export * from "./task.js";
