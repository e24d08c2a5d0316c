/** The VTAB transfer benchmark: tasks, the 1,000-example protocol, sweeps, scores, published rows. */

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
export { planVtab, type VtabOptions, type VtabPlan, type VtabReport, vtab } from "./measure.js";
export { methodNamed, type SuiteMethod, suiteMethods } from "./protocol/methods.js";
export { cutPart, cutTrain1000, suitePreprocessing } from "./protocol/protocol.js";
export { type PublishedRow, publishedRows, publishedTasks } from "./protocol/published.js";
export { publishedMeans, type SuiteScore, scoreSuite } from "./protocol/scores.js";
export { heavyTrials, type SweepName, searchedNames, sweepNames, sweepSettings } from "./protocol/sweep.js";
export {
  type OriginFile,
  SourceError,
  type Task,
  type TaskGroup,
  type TaskOrigin,
  type TaskSizes,
  type TaskSplits,
  taskGroups,
} from "./protocol/task.js";
export { suiteHtml } from "./report.js";
export { type SuiteName, suiteNames, tasksOf } from "./suites.js";
export { publishedText, tableText } from "./table.js";
export { noTaskLines, planLines, vtabLines } from "./text.js";
