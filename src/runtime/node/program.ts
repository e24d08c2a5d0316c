/** Programs, sessions and evaluation on Node. */
import type { ArraysOf, NumericArray, OnnxModel, Tensor } from "../../graph/index.js";
import type { CompiledProgram } from "../engine.js";
import { evaluateOn } from "../evaluate.js";
import { type CompileOptions, compileOn, type Program, type ProgramSource, startProgramOn } from "../program.js";
import { openSessionOn, type Session, type SessionOptions } from "../session.js";
import { nodePlatform } from "./platform.js";

/**
 * Writes and compiles the functions of a program. Throws DeviceError if the device is not available, and the graph writer's errors if a
 * function uses an input that is neither declared nor state.
 */
export const compile = <const S extends ProgramSource>(source: S, options?: CompileOptions): Promise<Program<S>> =>
  compileOn(nodePlatform, source, options);

/** Opens the sessions of compiled functions. Throws DeviceError if the device is not available. */
export const startProgram = (compiled: CompiledProgram, options?: CompileOptions): Promise<Program> =>
  startProgramOn(nodePlatform, compiled, options);

/** Opens a session. Throws DeviceError if the device is not available. */
export const openSession = (model: OnnxModel, options?: SessionOptions): Promise<Session> =>
  openSessionOn(nodePlatform, model, options);

/**
 * Computes the values of the given tensors from the named inputs. Throws if `feeds` lacks an input that the tensors depend on or has another
 * name, and the runtime's errors, with the device in the message.
 */
export const evaluate = <T extends Readonly<Record<string, Tensor>>>(
  outputs: T,
  feeds?: Readonly<Record<string, NumericArray>>,
  options?: SessionOptions,
): Promise<ArraysOf<T>> => evaluateOn(nodePlatform, outputs, feeds, options);
