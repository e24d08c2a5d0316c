/** Images whose patches are permuted: the recipe of training on them, and the job that measures features of them. */
import { join } from "node:path";
import { describePreprocessing, preprocessing } from "../../images/index.js";
import { open } from "../../networks/index.js";
import type { RecipeInput } from "../../train/index.js";
import { fewShotAccuracy, fewShotProtocol } from "../framework/downstream.js";
import { defineJob, type Job } from "../framework/job.js";
import type { StudyContext } from "../framework/study.js";

/** The preprocessing with an op on 8-bit pixels of the final size: before the last op, `value_range`. The op replaces those of its name. */
export function withOp(pipeline: string, text: string): string {
  const added = preprocessing(text);
  const ops = preprocessing(pipeline).filter(({ name }) => added.every((op) => op.name !== name));
  return describePreprocessing([...ops.slice(0, -1), ...added, ...ops.slice(-1)]);
}

/** The data of a recipe with an op added to the preprocessing of training and of evaluation. */
export function dataWithOp({ train, evaluation, ...data }: RecipeInput["data"], op: string): RecipeInput["data"] {
  const changed = <Part extends { readonly preprocessing: string }>(part: Part): Part => {
    return { ...part, preprocessing: withOp(part.preprocessing, op) };
  };
  return {
    ...data,
    train: Array.isArray(train) ? train.map(changed) : changed(train),
    evaluation: evaluation && changed(evaluation),
  };
}

/** Makes a job that measures the few-shot accuracy of a trained network on downstream images that an op has changed. */
export function fewShotJob({ data: { downstream } }: StudyContext, source: Job, op: string): Job {
  return defineJob({
    title: `few-shot accuracy with ${op} of ${source.title}`,
    settings: { kind: "few-shot accuracy on changed images", op, protocol: fewShotProtocol, downstream },
    needs: [source],
    flops: () => 0,
    run: async ({ folderOf, threads }) => {
      await using network = await open(join(folderOf(source), "run"), { threads, batchSize: 50 });
      const changed = withOp(network.preprocessing, op);
      const values = await fewShotAccuracy(network, downstream, threads, changed);
      return { measurements: [{ images: 0, flops: 0, seconds: 0, values }], details: { preprocessing: changed } };
    },
  });
}
