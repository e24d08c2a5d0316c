/** Data-parallel training over several processes: the ranks of a job and their communication. */

export { type Buckets, bucketGradients, defaultBucketBytes, isBucket } from "./buckets.js";
export { agree, type Communicator, DistributedError, reportFailure, single } from "./communicator.js";
export { fingerprint, threadsPerRank } from "./cores.js";
export { type Launch, launchOf } from "./launcher.js";
export { openCommunicator } from "./mpi.js";
export { type SharedTensor, shareJson, shareState } from "./share.js";
export { type StepsAsked, type StepsTaken, takeSteps } from "./step.js";
