// The devices a program can run on, and whether they are there.

export type Device = "cpu" | "webgpu";
export const devices: readonly Device[] = ["cpu", "webgpu"];

/**
 * Node types the runtime's provider for a device lacks, so that they would run on the CPU with copies there and back
 * (onnxruntime 1.30). The graph writer avoids them.
 */
export const lackingNodes: Readonly<Record<Device, readonly string[]>> = {
  cpu: [],
  webgpu: ["FusedMatMul", "LogSoftmax", "ScatterElements"],
};

/** A device was asked for that this machine or build does not have; the message says what to do. */
export class DeviceError extends Error {
  override name = "DeviceError";
}

/** The device of that name; throws DeviceError listing the known ones. */
export function parseDevice(name: string): Device {
  if ((devices as readonly string[]).includes(name)) return name as Device;
  throw new DeviceError(`unknown device "${name}"; known: ${devices.join(", ")}`);
}

/** Turns the runtime's refusal to open a session on a device into a message that says what to do. */
export function explainDeviceFailure(device: Device, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  if (device !== "webgpu" || !/webgpu|adapter|dawn|vulkan|device/i.test(text)) {
    return error instanceof Error ? error : new Error(text);
  }
  return new DeviceError(
    `no WebGPU device could be opened (${text.split("\n")[0]}). On Linux it needs a Vulkan driver (for a software one, set VK_DRIVER_FILES to the vk_swiftshader_icd.json of a Chromium package); use --device cpu otherwise.`,
  );
}
