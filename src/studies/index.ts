/** Studies: claims of the field, each declared before it runs, tested by runs that studies share, and judged by a rule. */
export { defaultDownstream, studyData } from "./framework/data.js";
export { type Cell, type GridPart, gridCells, gridJob, gridRuns } from "./framework/grid.js";
export { defineJob, type Job, type JobResult, JobStore, type Measurement, runJobs } from "./framework/job.js";
export { type Scale, type ScaleName, scaleNames, scales } from "./framework/scale.js";
export type { Measured, Run, Study, StudyContext, StudyData, StudyFigure } from "./framework/study.js";
export { type Row, readTable, tableCsv, tableJsonLines, writeTable } from "./framework/table.js";
export { type TrainingJobOptions, trainingJob } from "./framework/training-job.js";
export {
  type Decision,
  decide,
  decideEqual,
  difference,
  type Effect,
  effectOf,
  type Verdict,
} from "./framework/verdict.js";
export { studies, studyNamed } from "./list/index.js";
export {
  commandOf,
  declaration,
  figureFile,
  type Reported,
  studiesIndex,
  studyHtml,
  studyMarkdown,
  verdictText,
} from "./report.js";
export {
  defaultFolder,
  planStudy,
  redrawStudy,
  reportFrom,
  runStudy,
  type StudyOptions,
  type StudyPlan,
  type StudyReport,
} from "./run.js";
export { type NamedStudyOptions, study } from "./study.js";
