/** What other modules use of the runtime in a browser. */
export { compile } from "./program.js";
