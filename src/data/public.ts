/** What `fovea/data` exports: image sources, views of them, preprocessing, and the loader of batches. */
export {
  definePreprocessing,
  type EncodedImage,
  ExampleError,
  type PixelImage,
  type PreprocessingDefinition,
  preprocessImage,
  preprocessing,
  type RawImage,
} from "../images/index.js";
export { type CustomImages, defineSource, type SourceDefinition } from "./custom.js";
export { type ImageInput, type ImagePixels, readImage } from "./image-input.js";
export { type Batch, createLoader, type Loader, type LoaderOptions } from "./loader/loader.js";
export type { Example, ImageSource } from "./source/types.js";
export { concat as concatenate, holdOut, select, subsetOfClasses, take } from "./views/combine.js";
