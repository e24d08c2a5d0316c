/**
 * Stores the features and results of a suite under keys derived from everything they depend on, so that an interrupted
 * benchmark continues.
 */

import { join } from "node:path";
import { makeFolder } from "../../files/folder.js";
import type { Setting } from "../../networks/index.js";
import { haveFeatures, type PartFeatures, readFeatures } from "./features.js";
import type { FinalJob, SelectJob } from "./protocol/jobs.js";
import type { Draw, Part } from "./protocol/protocol.js";
import { contentName, type ResultKey, type RunResult, readResult, writeResult } from "./protocol/results.js";

const keyOf = (job: SelectJob | FinalJob, setting: Setting): ResultKey => ({
  task: job.task,
  kind: job.kind,
  // The drawn examples depend on `seededDraws`, so it is part of the key.
  seed: job.seed,
  setting: { ...setting, draw: job.draw },
});

/** The stored features and results of one backbone and method. */
export class SuiteStore {
  private readonly featuresFolder: string;
  private readonly resultsFolder: string;
  private readonly remembered = new Map<string, PartFeatures>();

  /** @param seen everything that features depend on: the suite, the backbone, the preprocessing */
  constructor(
    folder: string,
    seen: readonly unknown[],
    method: string,
    private readonly settings: readonly Setting[],
  ) {
    this.featuresFolder = join(folder, "features", contentName(seen));
    this.resultsFolder = join(folder, "results", contentName([...seen, method]));
    makeFolder(this.resultsFolder);
  }

  featuresPath(task: string, part: Part, draw: Draw): string {
    return join(this.featuresFolder, task, `${part}${part === "test" ? "" : `-draw${draw}`}.safetensors`);
  }

  hasFeatures(task: string, part: Part, draw: Draw): boolean {
    return haveFeatures(this.featuresPath(task, part, draw));
  }

  async features(task: string, part: Part, draw: Draw): Promise<PartFeatures> {
    const path = this.featuresPath(task, part, draw);
    const features = this.remembered.get(path) ?? (await readFeatures(path));
    // Only the features of the test split are used repeatedly.
    if (part === "test") this.remembered.set(path, features);
    return features;
  }

  /** Releases the features that are held in memory. */
  forgetFeatures(): void {
    this.remembered.clear();
  }

  /** The result of a job with one setting, if it is stored. */
  result(job: SelectJob | FinalJob, setting: Setting): Promise<RunResult | undefined> {
    return readResult(this.resultsFolder, keyOf(job, setting));
  }

  /** The result of a final job with the best setting, if both are stored. */
  async finalResult(job: FinalJob): Promise<RunResult | undefined> {
    const setting = await this.bestSetting(job);
    return setting && (await this.result(job, setting));
  }

  async writeResult(job: SelectJob | FinalJob, result: RunResult): Promise<void> {
    await writeResult(this.resultsFolder, keyOf(job, result.setting), result);
  }

  /**
   * The setting with the best accuracy on the validation images (the first of equals); undefined if results are
   * missing.
   */
  async bestSetting(job: FinalJob): Promise<Setting | undefined> {
    if (this.settings.length < 2) return this.settings[0];
    let best: { readonly setting: Setting; readonly accuracy: number } | undefined;
    for (const setting of this.settings) {
      const result = await this.result({ ...job, kind: "select", setting }, setting);
      if (!result) return undefined;
      if (!best || result.accuracy > best.accuracy) best = { setting, accuracy: result.accuracy };
    }
    return best?.setting;
  }
}
