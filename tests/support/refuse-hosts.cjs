/**
 * Preloaded into every Node process that a package manager starts (NODE_OPTIONS): refuses connections to other machines, and writes the host
 * of each into the file that FOVEA_REFUSED names.
 */
const { appendFileSync } = require("node:fs");
const { Socket } = require("node:net");

const connect = Socket.prototype.connect;

/** The options of a connection, of which Node calls this method with several forms. */
function optionsOf([first, second]) {
  if (Array.isArray(first)) return optionsOf(first);
  if (typeof first === "object") return first;
  return Number.isInteger(Number(first))
    ? { port: first, host: typeof second === "string" ? second : undefined }
    : { path: first };
}

Socket.prototype.connect = function (...args) {
  const { path, host = "localhost" } = optionsOf(args);
  if (path || ["127.0.0.1", "::1", "localhost"].includes(host)) return connect.apply(this, args);
  appendFileSync(process.env.FOVEA_REFUSED, `${host}\n`);
  process.nextTick(() => this.destroy(new Error(`a test refuses connections to ${host}`)));
  return this;
};
