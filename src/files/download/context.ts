/** How downloads are shown and ended, stated once by the caller of a command. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { StartProgress } from "../../text/progress.js";

export interface DownloadContext {
  /** Starts the display of one file. */
  readonly progress?: StartProgress | undefined;
  /** Ends downloads when it aborts; the bytes that came are kept. */
  readonly signal?: AbortSignal | undefined;
}

// Any command may open a network, and so download one, deep inside of other work.
const contexts = new AsyncLocalStorage<DownloadContext>();

/** Calls `run`; all downloads in it are shown and ended by `context`. */
export const withDownloadContext = <T>(context: DownloadContext, run: () => Promise<T>): Promise<T> =>
  contexts.run(context, run);

/** The context of the running code; empty if none was stated. */
export const downloadContext = (): DownloadContext => contexts.getStore() ?? {};
