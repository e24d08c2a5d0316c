/**
 * Saves checkpoints without end until it is killed, and says each step once it is saved.
 *
 * usage: node save-forever.mjs DIR FIRST_STEP
 */
import { createJiti } from "jiti";

const { saveCheckpoint } = await createJiti(import.meta.url).import("../../src/networks/stored/checkpoint.ts");
const [dir, first] = process.argv.slice(2);
const size = 500_000;
for (let step = Number(first) + 1; ; step++) {
  const data = new Float32Array(size).fill(step);
  const tensors = new Map([["w", { dtype: "float32", shape: [size], data }]]);
  await saveCheckpoint(dir, { step, tensors, meta: { position: step } }, { keepLast: 2 });
  process.stdout.write(`${step}\n`);
}
