/** Programs and evaluation in a browser, in the calling thread. */
import type { ArraysOf, NumericArray, Tensor } from "../../graph/index.js";
import { evaluateOn } from "../evaluate.js";
import {
  compileOn,
  type Program,
  type ProgramSource,
  type CompileOptions as SharedCompileOptions,
} from "../program.js";
import { webPlatform } from "./platform.js";

/** Options of `compile` that a browser has. A program always runs in the calling thread. */
export type CompileOptions = Pick<SharedCompileOptions, "device" | "threads" | "inThread">;

/**
 * Writes and compiles the functions of a program. On WebGPU, state stays on the device between runs; on the CPU it is in typed arrays, which each
 * run copies. Nodes without a WebGPU kernel run on the CPU. Throws DeviceError if the device is not available, and the graph writer's errors if a
 * function uses an input that is neither declared nor state.
 */
export const compile = <const S extends ProgramSource>(source: S, options?: CompileOptions): Promise<Program<S>> =>
  compileOn(webPlatform, source, options);

/**
 * Computes the values of the given tensors from the named inputs. Throws if `feeds` lacks an input that the tensors depend on or has another
 * name, and the runtime's errors.
 */
export const evaluate = <T extends Readonly<Record<string, Tensor>>>(
  outputs: T,
  feeds?: Readonly<Record<string, NumericArray>>,
  options?: Pick<CompileOptions, "device" | "threads">,
): Promise<ArraysOf<T>> => evaluateOn(webPlatform, outputs, feeds, options);
