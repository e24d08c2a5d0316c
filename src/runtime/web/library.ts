/** Loads ONNX Runtime Web: one build for the CPU, and a larger one for WebGPU. Each is loaded when a session first needs it. */
import { type Device, DeviceError } from "../devices.js";
import { availableThreads, requireThreads } from "./threads.js";

/** The module of ONNX Runtime Web; all of its builds have the same types. */
export type Library = typeof import("onnxruntime-web");

/** Devices of a browser. */
export type WebDevice = Exclude<Device, "cuda">;

interface Build {
  /** The file beside the JavaScript of the library with its WebAssembly. */
  readonly wasm: string;
  load(): Promise<Library>;
  library?: Library;
  /** Calls of the library that wait for those before: it cannot run two sessions at once. */
  last: Promise<unknown>;
}

const builds: Readonly<Record<WebDevice, Build>> = {
  cpu: {
    wasm: "ort-wasm-simd-threaded.wasm",
    load: () => import("onnxruntime-web/wasm"),
    last: Promise.resolve(),
  },
  webgpu: {
    wasm: "ort-wasm-simd-threaded.asyncify.wasm",
    load: () => import("onnxruntime-web/webgpu"),
    last: Promise.resolve(),
  },
};

/** Milliseconds in which the library, of up to 27 MB, must be loaded and its threads started. */
const startLimit = 120_000;

/** Threads that the builds are started with; the first program of a page decides. */
let started: number | undefined;

/** Number of threads of a program that does not state one. */
export const defaultThreads = (): number => started ?? availableThreads();

/** Name of the file with the WebAssembly of a device's build, which must be beside its JavaScript. */
export const wasmFile = (device: WebDevice): string => builds[device].wasm;

/** The build for a device, started with a number of threads. Throws DeviceError if it cannot be had. */
export async function loadLibrary(device: Device, threads: number = defaultThreads()): Promise<Library> {
  if (device === "cuda") throw new DeviceError("a browser has no CUDA; use the device cpu or webgpu");
  const build = builds[device];
  requireThreads(threads, started);
  if (device === "webgpu") await requireAdapter();
  build.library ??= await build.load();
  build.library.env.wasm.numThreads = threads;
  // Its threads load the file that the library is in; they never start if a bundler put the library into the page's own file.
  if (threads > 1) build.library.env.wasm.initTimeout = startLimit;
  started = threads;
  return build.library;
}

/** The build of a device whose sessions are open. */
export function loadedLibrary(device: Device): Library {
  const library = device === "cuda" ? undefined : builds[device].library;
  if (!library) throw new DeviceError(`ONNX Runtime Web for ${device} is not loaded; open a session first`);
  return library;
}

/** Calls the library of a device after all earlier calls of it have ended. */
export function inOrder<T>(device: Device, call: () => Promise<T>): Promise<T> {
  if (device === "cuda") return call();
  const build = builds[device];
  const result = build.last.then(call);
  build.last = result.catch(() => {});
  return result;
}

/** Throws DeviceError if the browser gives no WebGPU adapter. */
async function requireAdapter(): Promise<void> {
  const { gpu } = (globalThis as { navigator?: { gpu?: { requestAdapter(): Promise<unknown> } } }).navigator ?? {};
  if (!gpu) {
    throw new DeviceError(
      "this page has no WebGPU (navigator.gpu is missing): it needs a browser with WebGPU, and a page from https or localhost; use the device cpu otherwise",
    );
  }
  if ((await gpu.requestAdapter()) === null) {
    throw new DeviceError("WebGPU found no adapter: the browser does not use this machine's GPU; use the device cpu");
  }
}
