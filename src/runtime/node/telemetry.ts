/**
 * Disables the telemetry of ONNX Runtime. Its official binaries send usage data to their vendor and store a device id in the home folder,
 * unless this variable is set before the library is loaded. Fovea sends no data; to enable the telemetry, set the variable to 0.
 */

process.env["ORT_DISABLE_TELEMETRY"] ??= "1";
