/** Several processes that train one network: the ranks of a job and what they say to each other. */

export * from "./communicator.js";
export { type Launch, launchOf } from "./launcher.js";
export { openCommunicator } from "./mpi.js";
