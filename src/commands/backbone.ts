/** The backbone of the commands that have a default one. */
import { defaultBackbone } from "../weights/embedded.js";
import { UsageError } from "./command.js";

/** The backbone that is given, else the default one, which is reported. */
export function backboneOr(given: string | undefined, note: (text: string) => void): string {
  if (given !== undefined) return given;
  note(`using the default backbone ${defaultBackbone}; --backbone takes another`);
  return defaultBackbone;
}

/** Is a word the name of a backbone that cannot be a dataset: a bundled one, an ONNX file, a run? */
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
