/** Runs graphs: devices, sessions, programs. */

export { type Device, DeviceError, devices, lackingNodes, parseDevice } from "./devices.js";
export { writesInPlace } from "./direct.js";
export type { Attempt, Feeds, Results } from "./engine.js";
export { evaluate } from "./evaluate.js";
export { scalarsOf, stackFeeds } from "./feeds.js";
export { writeModelFiles } from "./model-files.js";
export { compileOnnx, inspectOnnx, type OnnxFile, OnnxFileError, readOnnxFile } from "./onnx-file.js";
export { overwritable } from "./overwrites.js";
export {
  type CompileOptions,
  compile,
  type FeedOptions,
  type Program,
  type ProgramFunction,
  type ProgramSource,
} from "./program.js";
export { openSession, type Session, type SessionOptions } from "./session.js";
export { availableThreads, threadsEach } from "./threads.js";
