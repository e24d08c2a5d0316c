/** Configures koffi, which calls functions of C libraries, with stacks that are large enough for all of its users. */
import type koffi from "koffi";

export type Koffi = typeof koffi;

/**
 * Stack size of a call into a library: MPI crashed with koffi's 128 KiB, and kernels of ONNX Runtime keep blocks of matrices on the stack.
 */
const stackBytes = 8 << 20;

let isConfigured = false;

/** Returns koffi with its settings, which can be set only before a thread loads its first library: all users of koffi call this function. */
export function configured(library: Koffi): Koffi {
  if (!isConfigured) library.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });
  isConfigured = true;
  return library;
}
