/** Explains why a device is not available in Node. */
import { env } from "fovea-onnxruntime";
import { type Device, DeviceError } from "../devices.js";

/** Converts a failure to open a session on a device, or to run it, into an error that states what to do. */
export function explainDeviceFailure(device: Device, error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  if (device === "webgpu" && /requires f16/.test(text)) {
    return new DeviceError(
      "this WebGPU device does not support half precision (shader-f16); set compute to float32, or use another device",
    );
  }
  if (device === "cuda" && /cuda/i.test(text)) return new DeviceError(explainCuda(text));
  if (device !== "webgpu" || !/webgpu|adapter|dawn|vulkan|device/i.test(text)) {
    return error instanceof Error ? error : new Error(text);
  }
  return new DeviceError(
    `no WebGPU device could be opened (${text.split("\n")[0]}). On Linux it needs a Vulkan driver (for a software one, set VK_DRIVER_FILES to the vk_swiftshader_icd.json of a Chromium package); use --device cpu otherwise`,
  );
}

/** States what CUDA needs: the provider's library beside the runtime's, and the libraries that it depends on. */
function explainCuda(text: string): string {
  const first = text.split("\n")[0];
  if (process.platform !== "linux" || process.arch !== "x64") {
    return `ONNX Runtime for Node has CUDA on Linux x64 only, and this is ${process.platform} ${process.arch}; use --device cpu or webgpu`;
  }
  return `no CUDA device could be opened (${first}). It needs the provider's libraries, which "npm install --ignore-scripts onnxruntime-node@${env.versions.node}" and "node node_modules/onnxruntime-node/script/install.js" install, CUDA 12 and cuDNN 9 on the library path, and an NVIDIA driver; use --device cpu otherwise.`;
}
