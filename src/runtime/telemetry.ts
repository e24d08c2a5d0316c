/**
 * ONNX Runtime's own binaries report what is run to their maker and keep a device number below the home folder, unless this
 * variable is set before the library is loaded. Fovea sends nothing anywhere; whoever wants it on sets the variable to 0.
 */

process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
