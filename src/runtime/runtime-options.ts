/** Options of the runtime's sessions that all platforms share. */
import type { RuntimeSessionOptions } from "./platform.js";

/** Options of a session of ONNX Runtime, except devices and threads. */
export function sharedOptions({ device, keepOnDevice, settings }: RuntimeSessionOptions) {
  return {
    // The memory pattern optimisation costs ViT-S/16 0.7 GB and gains nothing.
    enableMemPattern: false,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    // ONNX Runtime rejects options whose value is undefined.
    ...(keepOnDevice &&
      device === "webgpu" && {
        preferredOutputLocation: Object.fromEntries(keepOnDevice.map((name) => [name, "gpu-buffer" as const])),
      }),
    extra: nested(settings),
  } as const;
}

/** Converts {"a.b.c": "1"} to {a: {b: {c: "1"}}}, the form that the runtime's binding takes. */
function nested(settings: Readonly<Record<string, string>>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split(".");
    let at = out;
    for (const key of keys.slice(0, -1)) {
      at[key] ??= {};
      at = at[key] as Record<string, unknown>;
    }
    at[keys.at(-1)!] = value;
  }
  return out;
}
