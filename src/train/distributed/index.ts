/** Several processes that train one network: the ranks of a job and what they say to each other. */

export * from "./buckets.js";
export * from "./communicator.js";
export * from "./cores.js";
export { type Launch, launchOf } from "./launcher.js";
export { openCommunicator } from "./mpi.js";
export * from "./share.js";
export * from "./step.js";
