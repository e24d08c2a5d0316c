/**
 * Which devices the tests can use on this machine. Importing it, before the first session opens, points
 * the Vulkan loader at the software device of Debian's chromium package, which is enough to run WebGPU without a GPU.
 */
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import type { Tensor } from "../../src/graph/index.js";
import type { Device } from "../../src/runtime/devices.js";
import type { Result, Value } from "./run.js";

/** Where chromium packages keep the manifest of their software Vulkan device. */
const manifests = [
  "/usr/lib/chromium/vk_swiftshader_icd.json",
  "/usr/lib64/chromium-browser/vk_swiftshader_icd.json",
  "/usr/lib/chromium-browser/vk_swiftshader_icd.json",
  "/opt/google/chrome/vk_swiftshader_icd.json",
];

export interface TestDevice {
  readonly device: Device;
  /** Why the device cannot be used here; undefined when it can, and then its tests must run. */
  readonly missing: string | undefined;
  /** Computes named tensors from named values, where that is not done in this process. */
  readonly compute?: (
    outputs: Readonly<Record<string, Tensor>>,
    feeds: Readonly<Record<string, Value>>,
  ) => Promise<Record<string, Result>>;
}

/** Every device of the project, each with the reason it is missing, if it is. */
export const testDevices: readonly TestDevice[] = [
  { device: "cpu", missing: undefined },
  { device: "webgpu", missing: prepareVulkan() },
];

/** The named device. */
export const testDevice = (device: Device): TestDevice => testDevices.find((entry) => entry.device === device)!;

/** Sets the environment so that the runtime finds a Vulkan driver; returns the reason when there is none. */
function prepareVulkan(): string | undefined {
  if (process.env.VK_DRIVER_FILES === undefined) {
    const manifest = manifests.find((path) => existsSync(path));
    if (manifest === undefined) {
      return "no Vulkan driver: VK_DRIVER_FILES is not set and no chromium package with vk_swiftshader_icd.json is installed";
    }
    // read by the Vulkan loader when the first session opens; Node hands assignments on to the process environment
    process.env.VK_DRIVER_FILES = manifest;
  }
  preloadVulkanLoader(join(dirname(process.env.VK_DRIVER_FILES), "libvulkan.so.1"));
  return undefined;
}

/**
 * Chromium ships the Vulkan loader too, outside the library path. Once it is in the process, the runtime's own request
 * for libvulkan.so.1 is answered with it; so no further package is needed.
 */
function preloadVulkanLoader(path: string): void {
  if (!existsSync(path)) return; // the system's own loader is used
  const neverUnload = 0x1000; // RTLD_NODELETE of glibc: Node closes a library that turns out not to be an addon
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | neverUnload);
  } catch (error) {
    // "Module did not self-register" is what loading a plain library says; anything else is a real failure
    if (!/self-register/.test(String(error))) throw error;
  }
}
