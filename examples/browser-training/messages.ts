/** Messages between the page and the worker that trains. */
import type { sizes } from "./network.js";

export interface Settings {
  /** `cpu` is WebAssembly. */
  readonly device: "cpu" | "webgpu";
  readonly size: keyof typeof sizes;
}

export type FromPage = { readonly kind: "start"; readonly settings: Settings } | { readonly kind: "stop" | "resume" };

export interface Guesses {
  /** Pixels [N, side, side, 3], from -1 to 1. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  /** Probabilities [N, classes]. */
  readonly probabilities: Float32Array;
}

export type FromWorker =
  | { readonly kind: "ready"; readonly weights: number; readonly threads: number; readonly seconds: number }
  | {
      readonly kind: "step";
      readonly step: number;
      readonly loss: number;
      /** Share of the step's images that were classified correctly before the update. */
      readonly accuracy: number;
      readonly imagesPerSecond: number;
    }
  | ({ readonly kind: "guesses" } & Guesses)
  | { readonly kind: "failed"; readonly message: string };
