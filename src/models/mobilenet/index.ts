/** MobileNetV2 and V3, and their published variants. */
export {
  type MobileNetConfig,
  type MobileNetOutput,
  mobilenet,
  mobilenetDefaults,
  mobilenetWidth,
} from "./mobilenet.js";
export { activationNames, mobilenetShapes } from "./shapes.js";
export { mobilenetConfig, publishedMobileNets } from "./variants.js";
