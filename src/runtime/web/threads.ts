/** Determines the number of threads of an operation in a browser, and what the page must do to have several. */
import { DeviceError } from "../devices.js";

/** What this needs of the global scope of a page or a worker; Node has not all of it. */
interface BrowserScope {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

/**
 * Default number of threads: half of the logical processors, at most 4, as ONNX Runtime Web has it by default (its lib/backend-wasm.ts). It is 1
 * on a page that is not isolated from other origins, because threads of WebAssembly share memory, which browsers give to isolated pages only.
 */
export function availableThreads(scope: BrowserScope = globalThis as BrowserScope): number {
  if (!scope.crossOriginIsolated) return 1;
  return Math.min(4, Math.ceil((scope.navigator?.hardwareConcurrency ?? 1) / 2));
}

/**
 * Throws DeviceError if the page cannot have this number of threads, or if the library runs with another one already: it starts its threads
 * once for all sessions.
 */
export function requireThreads(
  threads: number,
  started: number | undefined,
  scope: BrowserScope = globalThis as BrowserScope,
): void {
  if (threads > 1 && !scope.crossOriginIsolated) {
    throw new DeviceError(
      `threads is ${threads}, and this page has 1: threads need a page that is isolated from other origins. Serve it with the headers "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp", or omit threads`,
    );
  }
  if (started !== undefined && threads !== started) {
    throw new DeviceError(
      `threads is ${threads}, but ONNX Runtime Web runs with ${started} in this page already, and starts its threads once; pass threads: ${started}, or omit it`,
    );
  }
}
