/** A browser as a platform: ONNX Runtime Web in the calling thread, a page's or a worker's. */
import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { OnnxModel } from "../../graph/index.js";
import { type Device, DeviceError } from "../devices.js";
import type { Platform } from "../platform.js";
import { sharedOptions } from "../runtime-options.js";
import { defaultThreads, inOrder, loadedLibrary, loadLibrary, wasmFile } from "./library.js";

export const webPlatform: Platform = {
  availableThreads: defaultThreads,
  openRuntime: async (model, options) => {
    const { device, threads } = options;
    if (options.profilePrefix !== undefined) {
      throw new Error(
        "profilePrefix names files, which a browser cannot write; omit it and use the browser's profiler",
      );
    }
    return await inOrder(device, async () => {
      const { InferenceSession } = await loadLibrary(device, threads);
      const session = await InferenceSession.create(bytesOf(model), {
        ...sharedOptions(options),
        // One provider: of several, the library would take the next where the first fails, and only print a warning.
        executionProviders: [device === "cpu" ? "wasm" : "webgpu"],
      });
      return {
        run: (inputs: Parameters<InferenceSession["run"]>[0]) => inOrder(device, () => session.run(inputs)),
        release: () => inOrder(device, () => session.release()),
      };
    });
  },
  tensor: (device, type, data, shape): Tensor =>
    new (loadedLibrary(device).Tensor)(type as "float32", data as Float32Array, shape),
  explainFailure,
};

/** Contents of a model, which must include its weights. */
function bytesOf({ bytes, external, file }: OnnxModel): Uint8Array {
  if (!external && file === undefined) return bytes;
  throw new Error(
    "the weights of this model are in a file of their own, which a browser cannot open; expected a model with its weights, below 2 GB",
  );
}

/** Converts a failure of ONNX Runtime Web into an error that states what to do. */
function explainFailure(device: Device, error: unknown): Error {
  const known = error instanceof Error ? error : new Error(String(error));
  if (device === "cuda" || known instanceof DeviceError) return known;
  const text = known.message;
  if (/requires f16/.test(text)) {
    return new DeviceError(
      "this WebGPU device does not support half precision (shader-f16); set compute to float32, or use another device",
    );
  }
  if (/no available backend|WebAssembly/.test(text)) {
    return new DeviceError(
      `ONNX Runtime Web could not start (${text.split("\n")[0]}). Is ${wasmFile(device)}, of onnxruntime-web/dist, beside the script that has the library, and served as application/wasm? Threads need a library in a file of its own: bundle with code splitting.`,
    );
  }
  if (device === "webgpu" && /device.*lost|lost.*device/i.test(text)) {
    return new DeviceError(`the WebGPU device was lost (${text.split("\n")[0]}); compile the program again`);
  }
  return known;
}
