/**
 * Runs training steps. A single process runs the program's step. Several ranks run it in two halves and sum the
 * gradients and metrics of their parts of the batch in between.
 */
import { type Feeds, type Program, scalarsOf } from "../../runtime/index.js";
import { isBucket } from "./buckets.js";
import type { Communicator } from "./communicator.js";

export interface StepsAsked {
  /** The program's function and the steps in one call of it. With several ranks, a call is one step in two halves. */
  readonly name: string;
  readonly count: number;
  /** Inputs. As in `Program.run`, arrays are taken over, and the returned arrays are put into this object. */
  readonly feeds: Feeds;
  /** The inputs that belong to the second half of a step. */
  readonly scalars: readonly string[];
  /** As in `Program.attempt`. */
  readonly commitWhenFinite: readonly string[];
  /** Whether this rank wants to stop; called once the gradients are computed. */
  stopAsked(): boolean;
}

export interface StepsTaken {
  /** Metrics of each step for the whole batch: means over the ranks. */
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly committed: boolean;
  /** Whether any rank wanted to stop; the same on every rank. */
  readonly stop: boolean;
}

/**
 * Runs steps.
 *
 * The ranks communicate once per step, after all microbatches. Summing each microbatch's gradients while the next one
 * is computed would send several times the bytes. The last microbatch, whose communication nothing overlaps, would
 * still send as much as the whole step does now.
 */
export async function takeSteps(program: Program, communicator: Communicator, asked: StepsAsked): Promise<StepsTaken> {
  const { name, count, feeds, scalars, commitWhenFinite, stopAsked } = asked;
  if (communicator.size === 1) {
    const { results, committed } = await program.attempt(name, feeds, { commitWhenFinite, transfer: true });
    return { steps: scalarsOf(results, count), committed, stop: stopAsked() };
  }
  const results = await program.run("gradient", feeds, { transfer: true });
  const names = Object.keys(results).filter((output) => !isBucket(output));
  const buckets = Object.keys(results).filter(isBucket);
  // The loss is already divided by the number of ranks, so sums are means. The stop request is summed with the metrics,
  // so all ranks learn of it at the same step.
  const own = Float64Array.from([...names.map((output) => Number(results[output]![0])), stopAsked() ? 1 : 0]);
  const [summed, ...gradients] = await Promise.all([
    communicator.sum(own),
    ...buckets.map((bucket) => communicator.sum(results[bucket] as Float32Array)),
  ]);
  const metrics = Object.fromEntries(names.map((output, i) => [output, summed[i]!]));
  const stop = summed[names.length]! > 0;
  // The second half does not compute the metrics, so those that must be finite are checked here.
  const broken = commitWhenFinite.some((output) => output in metrics && !Number.isFinite(metrics[output]));
  if (broken) return { steps: [{ ...metrics, gradientNorm: Number.NaN }], committed: false, stop };
  const given = {
    ...Object.fromEntries(scalars.map((scalar) => [scalar, feeds[scalar]!])),
    ...Object.fromEntries(buckets.map((bucket, i) => [bucket, gradients[i]!])),
  };
  const update = await program.attempt("update", given, {
    transfer: true,
    commitWhenFinite: commitWhenFinite.filter((output) => !(output in metrics)),
  });
  return { steps: [{ ...metrics, ...scalarsOf(update.results, 1)[0] }], committed: update.committed, stop };
}
