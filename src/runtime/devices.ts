/** Defines the devices a program can run on. */

export type Device = "cpu" | "webgpu" | "cuda";
export const devices: readonly Device[] = ["cpu", "webgpu", "cuda"];

/**
 * Node types that the runtime's provider for a device does not implement, so that they would run on the CPU with copies in both
 * directions (onnxruntime 1.30). The graph writer avoids them.
 */
export const lackingNodes: Readonly<Record<Device, readonly string[]>> = {
  cpu: [],
  webgpu: ["BatchNormalization", "FusedMatMul", "LogSoftmax", "Or", "Round", "ScatterElements", "Sign"],
  // Not measured.
  cuda: [],
};

/** The requested device is not available on this machine or in this build; the message says what to do. */
export class DeviceError extends Error {
  override name = "DeviceError";
}

/** Parses a device name; throws DeviceError with the known ones. */
export function parseDevice(name: string): Device {
  if ((devices as readonly string[]).includes(name)) return name as Device;
  throw new DeviceError(`unknown device "${name}"; known: ${devices.join(", ")}`);
}
