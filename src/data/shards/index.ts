/** Exports datasets over several files with an index each, for readers that build on them. */
export { openSharded } from "./sharded.js";
export { featureNames, firstBytes, openRecords } from "./tfrecord-file.js";
