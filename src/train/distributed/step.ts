/**
 * Steps of a run: the program's where a rank is alone; among several, gradients and metrics of the ranks' parts added up between
 * the two halves of each.
 */
import { type Feeds, type Program, scalarsOf } from "../../runtime/index.js";
import { isBucket } from "./buckets.js";
import type { Communicator } from "./communicator.js";

export interface StepsAsked {
  /** The program's function, and how many steps a run of it takes; several ranks take one, in two halves. */
  readonly name: string;
  readonly count: number;
  /** Inputs. Arrays are taken over and given back in it, as in `Program.run`. */
  readonly feeds: Feeds;
  /** Those of the inputs that belong to the second half of a step. */
  readonly scalars: readonly string[];
  /** As in `Program.attempt`. */
  readonly commitWhenFinite: readonly string[];
  /** Does this rank want to stop? Looked at once the gradients are there. */
  stopAsked(): boolean;
}

export interface StepsTaken {
  /** Metrics of each step, of the whole batch: means over the ranks. */
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly committed: boolean;
  /** Did any rank ask to stop? The same on every rank. */
  readonly stop: boolean;
}

/**
 * Takes steps.
 *
 * The ranks talk once a step, after all microbatches: to add up each microbatch's gradients while the next one is computed
 * would send as many times the bytes, and the last microbatch, which nothing hides, would still send as many as all do now.
 */
export async function takeSteps(program: Program, communicator: Communicator, asked: StepsAsked): Promise<StepsTaken> {
  const { name, count, feeds, scalars, commitWhenFinite, stopAsked } = asked;
  if (communicator.size === 1) {
    const { results, committed } = await program.attempt(name, feeds, { commitWhenFinite });
    return { steps: scalarsOf(results, count), committed, stop: stopAsked() };
  }
  const results = await program.run("gradient", feeds);
  const names = Object.keys(results).filter((output) => !isBucket(output));
  const buckets = Object.keys(results).filter(isBucket);
  // The loss was divided by the number of ranks where it was made, so that sums are means. The wish to stop goes along: all
  // ranks hear of it at the same step.
  const own = Float64Array.from([...names.map((output) => Number(results[output]![0])), stopAsked() ? 1 : 0]);
  const [summed, ...gradients] = await Promise.all([
    communicator.sum(own),
    ...buckets.map((bucket) => communicator.sum(results[bucket] as Float32Array)),
  ]);
  const metrics = Object.fromEntries(names.map((output, i) => [output, summed[i]!]));
  const stop = summed[names.length]! > 0;
  // The second half knows nothing of the metrics: what of them must be finite is looked at here.
  const broken = commitWhenFinite.some((output) => output in metrics && !Number.isFinite(metrics[output]));
  if (broken) return { steps: [{ ...metrics, gradientNorm: Number.NaN }], committed: false, stop };
  const given = {
    ...Object.fromEntries(scalars.map((scalar) => [scalar, feeds[scalar]!])),
    ...Object.fromEntries(buckets.map((bucket, i) => [bucket, gradients[i]!])),
  };
  const update = await program.attempt("update", given, {
    commitWhenFinite: commitWhenFinite.filter((output) => !(output in metrics)),
  });
  return { steps: [{ ...metrics, ...scalarsOf(update.results, 1)[0] }], committed: update.committed, stop };
}
