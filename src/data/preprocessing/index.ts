/** Preprocessing: composable ops and their string form. */
export type { Arguments, Literal } from "./arguments.js";
export { type AugregName, type AugregSetting, augregSettings } from "./augment/augreg.js";
export {
  type CorruptionName,
  corruption,
  corruptionNames,
  type Severity,
  type SeverityTable,
  severities,
  severityTableFor,
  severityTables,
} from "./augment/corruptions/index.js";
export { type RandaugOp, randaug, randaugOps } from "./augment/randaug.js";
export type { DataRecord, Transform } from "./op.js";
export { valueScales } from "./ops.js";
export * from "./pipeline.js";
