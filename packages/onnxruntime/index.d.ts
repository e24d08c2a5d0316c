export * from "onnxruntime-common";

/** An execution provider, and whether its library is part of the package. */
export interface SupportedBackend {
  readonly name: string;
  readonly bundled: boolean;
}

/** The execution providers of this platform. */
export declare const listSupportedBackends: () => SupportedBackend[];
