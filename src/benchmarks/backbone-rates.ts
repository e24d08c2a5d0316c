/** How many images a second each of several backbones represents, in one process, turn by turn. */
import type { Network } from "../networks/index.js";

/** Turns of each backbone, and seconds of each turn: the machine's speed changes from one moment to the next. */
const turns = 3;
const secondsOfTurn = 0.5;

/** Images a second of each, in its own batches; the fastest of its turns counts. */
export async function measureRates(backbones: readonly Network[]): Promise<readonly number[]> {
  const images = backbones.map(({ batchSize, imageShape: [height, width, channels] }) =>
    Float32Array.from({ length: batchSize * height * width * channels }, (_, i) => Math.sin(i)),
  );
  const fastest = backbones.map(() => 0);
  // one run that does not count: the runtime gets its memory in it
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
