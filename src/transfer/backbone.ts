/** The backbone of the functions that have a default one. */
import { type Network, type OpenOptions, open } from "../networks/index.js";
import { defaultBackbone } from "../weights/index.js";

/** Opens a backbone, or the default one, which is reported. Throws what `open` throws. */
export async function openBackbone(spec: string | undefined, options: OpenOptions): Promise<Network> {
  if (spec === undefined) options.note?.(`using the default backbone ${defaultBackbone}; --backbone takes another`);
  return await open(spec ?? defaultBackbone, options);
}
