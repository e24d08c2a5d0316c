/** What `fovea/runtime` exports: graphs compiled for a device, with their state, and graphs computed once. */
export { type Device, DeviceError, devices } from "./devices.js";
export type { Feeds, Results } from "./engine.js";
export { evaluate as compute } from "./evaluate.js";
export {
  type CompileOptions,
  compile,
  type Program,
  type ProgramSource,
} from "./program.js";
