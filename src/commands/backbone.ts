/** Arguments of commands that take an optional backbone before the images. */
import { UsageError } from "./command.js";

/** Whether an argument names a backbone and not a dataset: a bundled backbone, an ONNX file or a run. */
async function isBackbone(word: string): Promise<boolean> {
  const [{ isRunPath }, { embeddedBackbones, embeddedPrefix }] = await Promise.all([
    import("../networks/index.js"),
    import("../weights/index.js"),
  ]);
  return (
    embeddedBackbones.some(({ name }) => word.split("?")[0] === `${embeddedPrefix}${name}`) ||
    /^(hf|augreg|random|pixels):|\.(onnx|safetensors|npz)(\?|$)/.test(word) ||
    isRunPath(word)
  );
}

/** Throws UsageError where BACKBONE is given in the place of IMAGES. */
export async function requireImages(
  { backbone, images }: { readonly backbone?: string | undefined; readonly images: string },
  command: string,
): Promise<void> {
  if (backbone === undefined && (await isBackbone(images))) {
    throw new UsageError(
      `missing argument IMAGES: ${images} is a backbone\nusage: fovea ${command} [BACKBONE] IMAGES [OPTIONS]`,
    );
  }
}
