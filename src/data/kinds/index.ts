/** Kinds of storage, for readers that build on one of them; `openSource` finds the kind of a spec by itself. */
export { cifarKind } from "./cifar.js";
export { parquetKind } from "./parquet.js";
export { indexTar } from "./tar.js";
