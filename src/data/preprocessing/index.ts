/** Preprocessing: composable ops and their string form. */
export type { Arguments, Literal } from "./arguments.js";
export { type DataRecord, type Transform, valueScales } from "./ops.js";
export * from "./pipeline.js";
