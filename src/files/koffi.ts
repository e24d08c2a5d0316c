/** Loads koffi, which calls functions of C libraries, with stacks that are large enough for all of its users. */
import type koffi from "koffi";

export type { LibraryHandle } from "koffi";

export type Koffi = typeof koffi;

/**
 * The package with koffi's binary for this platform, which exports the whole interface. The package koffi itself only chooses among them; its
 * install script does nothing where there is a binary, but pnpm 11 and later end an installation with an error over a script that was not run.
 */
export const koffiPackage = `@koromix/koffi-${process.platform}-${process.arch}`;

/**
 * Stack size of a call into a library: MPI crashed with koffi's 128 KiB, and kernels of ONNX Runtime keep blocks of matrices on the stack.
 */
const stackBytes = 8 << 20;

let isConfigured = false;

/** Imports koffi and sets its stack sizes, which is possible only before a thread loads its first library: all users of koffi call this function. */
export async function loadKoffi(): Promise<Koffi> {
  const { default: library } = (await import(koffiPackage)) as { default: Koffi };
  if (!isConfigured) library.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes });
  isConfigured = true;
  return library;
}
