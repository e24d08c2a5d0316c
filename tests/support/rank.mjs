/**
 * One rank of the jobs that tests/train/distributed starts: runs the operations of a communicator and prints what they give.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { isCheckpointName } from "../../dist/networks/index.js";
import { agree, loadRecipe, openCommunicator, train } from "../../dist/train/index.js";

const communicator = await openCommunicator();
const { rank, size } = communicator;
const [task, path, then] = process.argv.slice(2);

if (task === "operations") {
  const count = 100_003;
  const float32 = await communicator.sum(Float32Array.from({ length: count }, (_, i) => (rank + 1) * i));
  // a view of a larger buffer is left as it was
  const larger = new Float64Array(8).fill(rank + 0.1);
  const float64 = await communicator.sum(larger.subarray(2, 4));
  const several = await Promise.all([1, 2, 3].map((n) => communicator.sum(Float32Array.of(n * (rank + 1)))));
  await communicator.barrier();
  const failure = await agree(communicator, async () => {
    if (rank === 1) throw new RangeError("only rank 1 fails");
    return "fine";
  }).catch((error) => error);
  const result = {
    rank,
    size,
    library: communicator.library,
    float32: float32.every((value, i) => value === ((size * (size + 1)) / 2) * i) && float32.length === count,
    float64: [...float64],
    untouched: [...larger],
    several: several.map(([value]) => value),
    gathered: await communicator.gather(10 * rank),
    bytes: Buffer.from(await communicator.broadcast(rank === 1 ? Buffer.from("from 1") : undefined, 1)).toString(),
    empty: (await communicator.broadcast(new Uint8Array(0))).length,
    agreed: await agree(communicator, async () => rank),
    failed: { name: failure.name, message: failure.message },
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await communicator.close();
} else if (task === "fail") {
  if (rank === 1) await communicator.abort(new Error("the disk of this rank is full"));
  await communicator.sum(Float32Array.of(1));
  process.stdout.write("must not get here\n");
} else if (task === "train") {
  // trains by a recipe; once a checkpoint is there, rank 1 does what the last word says
  const recipe = await loadRecipe(path);
  const stop = new AbortController();
  const saved = () => {
    try {
      return readdirSync(join(recipe.output, "checkpoints")).some(isCheckpointName);
    } catch {
      return false;
    }
  };
  const watch = setInterval(() => {
    if (rank !== 1 || !saved()) return;
    if (then === "die") process.kill(process.pid, "SIGKILL");
    if (then === "stop") stop.abort();
    if (then === "freeze") {
      process.stdout.write(`frozen ${process.pid}\n`);
      process.kill(process.pid, "SIGSTOP");
    }
  }, 20);
  const result = await train(recipe, { communicator, silent: true, signal: stop.signal, bucketBytes: 4096 });
  clearInterval(watch);
  process.stdout.write(`${JSON.stringify({ rank, step: result.step, interrupted: result.interrupted })}\n`);
  await communicator.close();
}
