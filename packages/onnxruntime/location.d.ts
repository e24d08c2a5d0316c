/** Path of the module that loads ONNX Runtime. */
export declare const entry: string;

/** Folder of the native libraries. */
export declare const binaries: string;
