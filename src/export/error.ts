/** The one error of exports. */

/** An export cannot be made: the message says which node or setting stands in the way, and what to do. */
export class ExportError extends Error {
  override name = "ExportError";
}
