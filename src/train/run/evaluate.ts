/** Evaluates the weights of a training program over a whole source. */
import { type BadExample, createLoader, type ImageSource } from "../../data/index.js";
import type { NumericArray } from "../../graph/index.js";
import { compileInference, noneReadable, type PassOptions } from "../../networks/index.js";
import type { CompileOptions, Program, Results } from "../../runtime/index.js";
import { type Communicator, single } from "../distributed/index.js";
import { type ObjectiveEvaluation, returnedBatch } from "../objectives/index.js";
import type { TrainingProgram } from "../plan/step.js";

export interface EvaluationResult {
  /** Accuracy; for a classifier, the fraction of images whose highest logit is their class. */
  readonly accuracy: number;
  /** Mean loss per image. */
  readonly loss: number;
  readonly images: number;
  /** The images that could not be read and do not count; with several ranks, those of this rank's part. */
  readonly bad: readonly BadExample[];
}

/**
 * Compiles the evaluation of a training program with the weights of a state as constants, as in an exported file, into a program with the function
 * `run`. It takes some tenths of a second, and the weights are in memory once more until it is closed.
 *
 * @param state of the training program, at least what `training.evaluation.weights` names
 */
export async function openEvaluation(
  { evaluation, parameters }: Pick<TrainingProgram, "evaluation" | "parameters">,
  state: Results,
  options: Pick<CompileOptions, "device" | "threads">,
): Promise<Program> {
  const values = Object.entries(evaluation.weights).map(([one, kept]) => [one, state[kept] as NumericArray] as const);
  return await compileInference(evaluation.evaluate, parameters, Object.fromEntries(values), options);
}

/**
 * Runs an opened evaluation over every image of a source and scores the results. Several ranks divide every batch
 * and sum their results. Throws when no image can be read.
 */
export async function evaluateSource(
  program: Program,
  evaluation: Pick<ObjectiveEvaluation, "feeds" | "score">,
  source: ImageSource,
  { ranks = single, ...options }: PassOptions & { readonly ranks?: Communicator },
): Promise<EvaluationResult> {
  const share = { index: ranks.rank, of: ranks.size };
  const loader = createLoader(source, { ...options, share, evaluation: true, cacheBytes: 0 });
  let images = 0;
  let right = 0;
  let lossSum = 0;
  try {
    for (let batch = await loader.next(); batch; batch = await loader.next()) {
      if (batch.image.length === 0) continue;
      const feeds = await evaluation.feeds(batch);
      const sent = { ...feeds };
      const results = await program.run("run", feeds, { transfer: true });
      const { loss, correct } = evaluation.score(results, feeds);
      for (let i = 0; i < batch.mask.length; i++) {
        if (batch.mask[i] === 0) continue;
        images++;
        lossSum += Number(loss[i]);
        right += Number(correct[i]);
      }
      loader.recycle(returnedBatch(batch, sent, feeds));
    }
  } finally {
    await loader.close();
  }
  const { bad } = loader.stats();
  const [all, allRight, allLoss] = [...(await ranks.sum(Float64Array.of(images, right, lossSum)))] as [
    number,
    number,
    number,
  ];
  if (all === 0) throw noneReadable(source, bad);
  return { accuracy: allRight / all, loss: allLoss / all, images: all, bad };
}
