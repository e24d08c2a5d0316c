/** Measures the images per second of a network at an image size. */
import { elementCount, input } from "../../graph/index.js";
import { type ModelConfig, model } from "../../models/index.js";
import { Scope } from "../../nn/index.js";
import { compile } from "../../runtime/index.js";

/** Options of `imagesPerSecond`. */
export interface RateOptions {
  readonly batch: number;
  readonly channels?: number;
  readonly threads?: number | undefined;
  /** Time to measure, after one run to warm up; at least two runs are measured. */
  readonly seconds: number;
}

/** Images per second of the fastest run. The weights are constant, because the time does not depend on their values. */
export async function imagesPerSecond(config: ModelConfig, size: number, options: RateOptions): Promise<number> {
  const { batch, channels = 3, threads, seconds } = options;
  const image = input("image", "float32", [batch, size, size, channels]);
  const scope = Scope.root();
  const { logits, preLogits } = model(scope, image, config);
  const parameters = scope.parameters.map(({ tensor }) => tensor);
  const functions = { run: { inputs: [image], outputs: { end: logits ?? preLogits } } };
  await using program = await compile({ state: [...parameters], functions }, threads === undefined ? {} : { threads });
  const names = Object.entries(program.state);
  const values = names.map(([name, { shape }]) => [name, new Float32Array(elementCount(shape)).fill(0.01)] as const);
  await program.writeState(Object.fromEntries(values), { transfer: true });
  const feeds = { image: Float32Array.from({ length: elementCount(image.shape) }, (_, i) => Math.sin(i)) };
  await program.run("run", feeds, { transfer: true });
  let fastest = Number.POSITIVE_INFINITY;
  const started = performance.now();
  for (let runs = 0; runs < 2 || performance.now() - started < 1000 * seconds; runs++) {
    const at = performance.now();
    await program.run("run", feeds, { transfer: true });
    fastest = Math.min(fastest, performance.now() - at);
  }
  return (1000 * batch) / fastest;
}
