/** Makes a job that changes the weights of a trained network and writes them, for jobs that start from them. */
import { join } from "node:path";
import { makeFolder } from "../../files/folder.js";
import { asWeights, readNetwork } from "../../networks/index.js";
import { saveWeights } from "../../weights/index.js";
import { defineJob, type Job } from "../framework/job.js";
import { changedWeights, type WeightsChange } from "./weights-change.js";

/**
 * Makes the job; a training job starts from it as from a training job (`start`). It measures nothing. Its folder `run` holds the weights instead
 * of a run.
 */
export function weightsJob(source: Job, change: WeightsChange): Job {
  const size = change.imageSize === undefined ? "" : `, ${change.imageSize} pixels`;
  return defineJob({
    title: `weights of ${source.title}: keep ${change.keeps}${size}`,
    settings: { kind: "weights", change },
    needs: [source],
    flops: () => 0,
    run: async ({ folder, folderOf }) => {
      const weights = asWeights(await readNetwork(join(folderOf(source), "run")));
      const file = join(folder, "run", "weights.safetensors");
      makeFolder(join(folder, "run"));
      await saveWeights(file, changedWeights(weights, change), "fovea");
      return { measurements: [], details: {} };
    },
  });
}
