/** Measures the throughput of several backbones in images per second, in one process, in alternation. */
import type { Network } from "../networks/index.js";

/** Measurements of each backbone, and seconds of each: the machine's speed varies over time. */
const turns = 3;
const secondsOfTurn = 0.5;

/** Images per second of each backbone, in its own batches; the fastest measurement counts. */
export async function measureRates(backbones: readonly Network[]): Promise<readonly number[]> {
  const images = backbones.map(({ batchSize, imageShape: [height, width, channels] }) =>
    Float32Array.from({ length: batchSize * height * width * channels }, (_, i) => Math.sin(i)),
  );
  const fastest = backbones.map(() => 0);
  // warm-up run, in which the runtime allocates its memory
  for (const [i, one] of backbones.entries()) await one.run({ image: images[i]!.slice() });
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, { batchSize, run }] of backbones.entries()) {
      let done = 0;
      let seconds = 0;
      while (seconds < secondsOfTurn) {
        const image = images[i]!.slice();
        const started = performance.now();
        await run({ image });
        seconds += (performance.now() - started) / 1000;
        done += batchSize;
      }
      fastest[i] = Math.max(fastest[i]!, done / seconds);
    }
  }
  return fastest;
}
