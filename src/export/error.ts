/** The error of exports. */

/** An export is not possible; the message has the node or setting that prevents it, and what to do. */
export class ExportError extends Error {
  override name = "ExportError";
}
