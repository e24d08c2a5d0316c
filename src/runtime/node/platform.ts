/** Node as a platform: ONNX Runtime's native library, worker threads, and sessions that work in place. */
import "./telemetry.js";
import { InferenceSession, Tensor } from "fovea-onnxruntime";
import type { Platform, RuntimeSession } from "../platform.js";
import { sharedOptions } from "../runtime-options.js";
import { openDirectSession } from "./direct.js";
import { explainDeviceFailure } from "./failures.js";
import { withModelSource } from "./model-files.js";
import { availableThreads } from "./threads.js";
import { WorkerEngine } from "./worker-engine.js";

export const nodePlatform: Platform = {
  availableThreads,
  openRuntime: async (model, options) => {
    const { device, profilePrefix } = options;
    const runtimeOptions: InferenceSession.SessionOptions = {
      ...sharedOptions(options),
      executionProviders: device === "cpu" ? ["cpu"] : [{ name: device }, "cpu"],
      // Always set: the runtime's own default may use one core of two (threads.ts).
      intraOpNumThreads: options.threads ?? availableThreads(),
      ...(profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    };
    const session = await withModelSource(model, (source) =>
      typeof source === "string"
        ? InferenceSession.create(source, runtimeOptions)
        : InferenceSession.create(source, runtimeOptions),
    );
    return {
      run: (inputs) => session.run(inputs as Parameters<InferenceSession["run"]>[0]),
      release: async () => {
        if (profilePrefix) session.endProfiling();
        await session.release();
      },
    } satisfies RuntimeSession;
  },
  tensor: (_device, type, data, shape) => new Tensor(type as "float32", data as Float32Array, shape),
  explainFailure: explainDeviceFailure,
  openDirect: openDirectSession,
  startThread: (program, options) => new WorkerEngine(program, options),
};
