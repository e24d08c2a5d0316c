/** koffi, which calls functions of C libraries, with the stacks that all of its users need. */
import type koffi from "koffi";

type Koffi = typeof koffi;

/**
 * Of a call into a library: MPI crashed on koffi's 128 KiB, and kernels of ONNX Runtime keep blocks of matrices on the stack.
 */
const stackBytes = 8 << 20;

let isConfigured = false;

/** koffi with its settings, which can be given only before a thread loads its first library: all who use koffi take it through this. */
export function configured(library: Koffi): Koffi {
  if (!isConfigured) library.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });
  isConfigured = true;
  return library;
}
