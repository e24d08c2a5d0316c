// Running graphs: devices, sessions, programs.
export { type Device, DeviceError, devices, parseDevice } from "./devices.js";
export { evaluate } from "./evaluate.js";
export { openSession, type Session, type SessionOptions, writeModelFiles } from "./session.js";
