/** What programs need of the platform that they run on: Node (`node/`) or a browser (`web/`). Each platform brings its build of ONNX Runtime. */
import type { NumericArray, OnnxModel, TensorType } from "../graph/index.js";
import type { Device } from "./devices.js";
import type { CompiledProgram, EngineOptions } from "./engine.js";
import type { Remote } from "./remote.js";

/** The part of a tensor of ONNX Runtime that is used here; the classes of its builds have more. */
export interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** Where its data are: "cpu", or for example "gpu-buffer". */
  readonly location: string;
  /** Its data, if they are on the CPU. */
  readonly data: unknown;
  dispose(): void;
}

/** A session of ONNX Runtime. */
export interface RuntimeSession {
  run(inputs: Readonly<Record<string, RuntimeTensor>>): Promise<Readonly<Record<string, RuntimeTensor>>>;
  /** Completes the trace files, and frees the session. */
  release(): Promise<void>;
}

export interface RuntimeSessionOptions {
  readonly device: Device;
  /** Threads inside one operation. Default: those of the platform. */
  readonly threads?: number | undefined;
  /** Prefix of the runtime's trace files; `release` completes them. */
  readonly profilePrefix?: string | undefined;
  /** Names of outputs that stay on the device (WebGPU). */
  readonly keepOnDevice?: readonly string[] | undefined;
  /** Session configuration entries of the runtime, by their dotted names. */
  readonly settings: Readonly<Record<string, string>>;
}

/** An array that a direct session reads or writes in place. */
export interface DirectTensor {
  readonly type: TensorType;
  readonly data: NumericArray;
  /** Whether the same array is passed repeatedly, so that the runtime's value over it can be reused. */
  readonly isLasting?: boolean;
}

/** A session that reads and writes the caller's own arrays. */
export interface DirectSession {
  /**
   * Runs the model once in the calling thread, with inputs and outputs in the model's order. An output may share the array of an input only
   * if no node reads the input after the output is written. Throws the runtime's errors.
   */
  run(inputs: readonly DirectTensor[], outputs: readonly DirectTensor[]): void;
  close(): void;
}

export interface DirectSessionOptions {
  readonly threads: number;
  /** Prefix of the runtime's trace files; `close` completes them. */
  readonly profilePrefix?: string | undefined;
  /** Session configuration entries of the runtime, by their dotted names. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface Platform {
  /** Default number of threads of a session. */
  availableThreads(): number;
  /** Opens a session of the runtime over a model. Throws DeviceError if the device is not available. */
  openRuntime(model: OnnxModel, options: RuntimeSessionOptions): Promise<RuntimeSession>;
  /** Makes a tensor over an array, without a copy, for sessions on the device. Throws if the type does not match. */
  tensor(device: Device, type: string, data: NumericArray, shape: readonly number[]): RuntimeTensor;
  /** Converts a failure to open a session on a device, or to run it, into an error that states what to do. */
  explainFailure(device: Device, error: unknown): Error;
  /** Opens a session on the CPU that works in place; undefined if this system has none. */
  openDirect?(model: OnnxModel, options: DirectSessionOptions): Promise<DirectSession | undefined>;
  /** Starts a thread that runs a program. Without it, programs run in the calling thread. */
  startThread?(program: CompiledProgram, options: EngineOptions): Remote;
}
