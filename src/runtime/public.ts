/** What `fovea/runtime` exports: graphs compiled for a device, with their state, and graphs computed once. */
export { type Device, DeviceError, devices } from "./devices.js";
export type { Feeds, Results } from "./engine.js";
export { compile, evaluate as compute } from "./node/program.js";
export type { CompileOptions, Program, ProgramSource } from "./program.js";
