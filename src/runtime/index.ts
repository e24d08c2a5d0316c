/** Runs graphs: devices, sessions, programs. This is the form for Node; `web/public.ts` has that for browsers. */

export { type Device, DeviceError, devices, lackingNodes, parseDevice } from "./devices.js";
export type { Attempt, Feeds, Results } from "./engine.js";
export { scalarsOf, stackFeeds } from "./feeds.js";
export { writesInPlace } from "./node/direct.js";
export { writeModelFiles } from "./node/model-files.js";
export {
  compileModel,
  compileOnnx,
  inspectOnnx,
  type OnnxFile,
  OnnxFileError,
  type OnnxPort,
  readOnnxFile,
} from "./node/onnx-file.js";
export { compile, evaluate, openSession } from "./node/program.js";
export { availableThreads, threadsEach } from "./node/threads.js";
export { overwritable } from "./overwrites.js";
export type { CompileOptions, FeedOptions, Program, ProgramFunction, ProgramSource } from "./program.js";
export type { Session, SessionOptions } from "./session.js";
