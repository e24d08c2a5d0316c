/**
 * What `fovea/runtime` exports in a browser, the same as on Node: graphs compiled for a device, with their state, and graphs computed once. It runs
 * on ONNX Runtime Web: the CPU through WebAssembly (device `cpu`), or WebGPU. Programs run in the calling thread, so a page that must stay
 * responsive calls `compile` in a Web Worker.
 */
export { type Device, DeviceError, devices } from "../devices.js";
export type { Feeds, Results } from "../engine.js";
export type { Program, ProgramSource } from "../program.js";
export { type CompileOptions, compile, evaluate as compute } from "./program.js";
