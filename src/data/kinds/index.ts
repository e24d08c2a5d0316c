/** Exports the kinds of storage that other readers build on; `openSource` chooses the kind of a spec itself. */
export { cifarKind } from "./cifar.js";
export { parquetKind } from "./parquet.js";
export { indexTar } from "./tar.js";
