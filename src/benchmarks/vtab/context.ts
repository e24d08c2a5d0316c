/**
 * Holds what the jobs of a suite share: the backbone, the splits of the current task, the stored features and results.
 */
import type { Closable } from "../../files/closable.js";
import { type Network, open, type Setting } from "../../networks/index.js";
import { accuracyOf } from "../../transfer/index.js";
import { joinParts, makeFeatures } from "./features.js";
import type { FeaturesJob, FinalJob, Job, JobRunner, SelectJob } from "./protocol/jobs.js";
import type { SuiteMethod } from "./protocol/methods.js";
import { cutPart, cutTrain1000, suitePreprocessing } from "./protocol/protocol.js";
import type { RunResult } from "./protocol/results.js";
import type { Task, TaskSplits } from "./protocol/task.js";
import { SuiteStore } from "./store.js";

/** Increase it when a generated task or the protocol changes: earlier results are then not reused. */
const suiteVersion = 1;

export interface ContextOptions {
  readonly suite: string;
  readonly tasks: readonly Task[];
  readonly method: SuiteMethod;
  readonly settings: readonly Setting[];
  /** Whether seed s trains on draw s; otherwise every seed trains on the published examples. */
  readonly seededDraws: boolean;
  /** The spec of the backbone, as for `open`. */
  readonly backbone: string;
  /** Side of the input images, in pixels; default: the backbone's own. */
  readonly imageSize?: number;
  /** The folder of datasets that tasks are opened from. */
  readonly data?: string;
  /** Where features and results are stored. */
  readonly folder: string;
  /** Threads of the runtime. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Called with the number of images of the running job that are done. */
  readonly onProgress?: (job: Job, done: number) => void;
  readonly note?: (text: string) => void;
}

/** Opens the backbone. Throws what opening it throws. */
export async function openContext(options: ContextOptions): Promise<SuiteContext> {
  const { suite, method, settings, folder, threads, note } = options;
  const backbone = await open(options.backbone, { imageSize: options.imageSize, threads, note });
  // Raw pixels keep their own preprocessing, which averages: resizing to 16 x 16 without antialiasing would sample
  // single pixels.
  const preprocessing =
    backbone.kind === "pixels"
      ? backbone.preprocessing
      : suitePreprocessing(backbone.imageShape, backbone.preprocessing);
  const seen = [suiteVersion, suite, await backbone.identity(), preprocessing];
  return new SuiteContext(backbone, preprocessing, new SuiteStore(folder, seen, method.name, settings), options);
}

/**
 * Runs jobs. It opens the splits of a task when the first of its jobs needs them, and keeps one task open at a time.
 */
export class SuiteContext implements JobRunner, Closable {
  private opened: { readonly task: string; readonly splits: TaskSplits } | undefined;

  constructor(
    readonly backbone: Network,
    readonly preprocessing: string,
    private readonly store: SuiteStore,
    private readonly options: ContextOptions,
  ) {}

  /** Whether the output of a job is stored: a file of features, or a result. */
  async isDone(job: Job): Promise<boolean> {
    if (job.kind === "features") return this.store.hasFeatures(job.task, job.part, job.draw);
    if (job.kind === "final") return (await this.store.finalResult(job)) !== undefined;
    return (await this.store.result(job, job.setting)) !== undefined;
  }

  /** The result of a final job and the setting it was obtained with; undefined before it is done. */
  finalResult(task: string, seed: number): Promise<RunResult | undefined> {
    const draw = this.options.seededDraws ? seed : 0;
    return this.store.finalResult({ kind: "final", id: "", task, needs: [], seed, draw });
  }

  run(job: Job): Promise<void> {
    return job.kind === "features" ? this.runFeatures(job) : this.runMethod(job);
  }

  async close(): Promise<void> {
    await this.closeTask();
    await this.backbone.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async runFeatures(job: FeaturesJob): Promise<void> {
    const { onProgress, signal } = this.options;
    await makeFeatures(this.backbone, cutPart(await this.splitsOf(job.task), job.part, job.draw), {
      path: this.store.featuresPath(job.task, job.part, job.draw),
      preprocessing: this.preprocessing,
      onProgress: onProgress && ((done) => onProgress(job, done)),
      signal,
    });
  }

  private async runMethod(job: SelectJob | FinalJob): Promise<void> {
    const setting = job.kind === "select" ? job.setting : await this.store.bestSetting(job);
    if (!setting) throw new Error(`${job.id} was started before its settings were evaluated`);
    const started = performance.now();
    const reached =
      this.options.method.kind === "features" ? await this.onFeatures(job, setting) : await this.onImages(job, setting);
    const seconds = (performance.now() - started) / 1000;
    await this.store.writeResult(job, { ...reached, setting, seconds });
  }

  private async onFeatures({ kind, task, draw, seed }: SelectJob | FinalJob, setting: Setting) {
    const { method, threads, signal } = this.options;
    if (method.kind !== "features") throw new Error(`${method.name} does not work on features`);
    const { store } = this;
    const test = await store.features(task, kind === "select" ? "validation200" : "test", draw);
    const train800 = await store.features(task, "train800", draw);
    const train = kind === "select" ? train800 : joinParts(train800, await store.features(task, "validation200", draw));
    const fitted = await method.evaluator.fit(train, this.taskNamed(task).classes, setting, { seed, threads, signal });
    const accuracy = accuracyOf(await fitted.scores(test.features), test.labels);
    return { accuracy, images: test.labels.length, unreadable: test.unreadable };
  }

  private async onImages(job: SelectJob | FinalJob, setting: Setting) {
    const { method, onProgress, signal, backbone, imageSize } = this.options;
    if (method.kind !== "images") throw new Error(`${method.name} works on features`);
    const splits = await this.splitsOf(job.task);
    const select = job.kind === "select";
    const test = select ? cutPart(splits, "validation200", job.draw) : splits.test;
    const task = this.taskNamed(job.task);
    const { accuracy, predictions } = await method.method.run({
      backbone,
      train: select ? cutPart(splits, "train800", job.draw) : cutTrain1000(splits, job.draw),
      test,
      classes: task.classes,
      setting,
      seed: job.seed,
      task: task.like ?? task.name,
      imageSize,
      signal,
      progress: onProgress && ((done: number) => onProgress(job, done)),
    });
    const unreadable = predictions.filter((guess) => guess < 0).length;
    return { accuracy, images: test.length - unreadable, unreadable };
  }

  private taskNamed(name: string): Task {
    return this.options.tasks.find((task) => task.name === name)!;
  }

  private async splitsOf(name: string): Promise<TaskSplits> {
    if (this.opened?.task !== name) {
      await this.closeTask();
      this.opened = { task: name, splits: await this.taskNamed(name).open(this.options.data) };
    }
    return this.opened.splits;
  }

  private async closeTask(): Promise<void> {
    const closing = this.opened;
    this.opened = undefined;
    this.store.forgetFeatures();
    if (closing) for (const source of Object.values(closing.splits)) await source.close();
  }
}
