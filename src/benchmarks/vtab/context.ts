/** What doing a job takes: the backbone, the task's splits, the folders; opened when the first job asks for them. */
import { join } from "node:path";
import { type Closable, closable } from "../../files/closable.js";
import { makeFolder } from "../../files/folder.js";
import { type Network, open } from "../../networks/index.js";
import { accuracyOf, type Setting } from "../../transfer/index.js";
import { haveFeatures, joinParts, makeFeatures, type PartFeatures, readFeatures } from "./features.js";
import type { FeaturesJob, FinalJob, Job, JobRunner, SelectJob } from "./protocol/jobs.js";
import type { SuiteMethod } from "./protocol/methods.js";
import { cutPart, cutTrain1000, type Draw, type Part, suitePreprocessing } from "./protocol/protocol.js";
import { contentName, type ResultKey, type RunResult, readResult, writeResult } from "./protocol/results.js";
import type { Task, TaskSplits } from "./protocol/task.js";

/** Changes when a generated task or the protocol changes: results of before are then not taken up. */
const suiteVersion = 1;

export interface ContextOptions {
  readonly suite: string;
  readonly tasks: readonly Task[];
  readonly method: SuiteMethod;
  readonly settings: readonly Setting[];
  /** Does seed s learn from draw s, or every seed from the published examples? */
  readonly seededDraws: boolean;
  /** As `open` takes it. */
  readonly backbone: string;
  /** Side of the images the backbone sees; default: its own. */
  readonly imageSize?: number;
  /** The folder of data sets that tasks are opened from. */
  readonly data?: string;
  /** Where features and results are kept. */
  readonly folder: string;
  /** Threads of the runtime. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Told the images of the running job that are done. */
  readonly onProgress?: (job: Job, done: number) => void;
  readonly note?: (text: string) => void;
}

export interface SuiteContext extends JobRunner, Closable {
  readonly preprocessing: string;
  readonly backbone: Network;
  /** Whether the outcome of a job is there: a file of features, or a result. */
  isDone(job: Job): Promise<boolean>;
  /** The result of a final job and the setting it was reached with; undefined before it is done. */
  finalResult(task: string, seed: number): Promise<RunResult | undefined>;
  close(): Promise<void>;
}

/** Opens what jobs share. Throws what opening the backbone throws. */
export async function openContext(options: ContextOptions): Promise<SuiteContext> {
  const { suite, method, settings, folder, threads, signal, onProgress, note } = options;
  const backbone = await open(options.backbone, {
    imageSize: options.imageSize,
    threads,
    note,
  });
  // Raw pixels are averaged down by their own rule: stretched without antialias, 16 x 16 pixels would be a sample of dots.
  const preprocessing =
    backbone.kind === "pixels"
      ? backbone.preprocessing
      : suitePreprocessing(backbone.imageShape, backbone.preprocessing);
  const seen = [suiteVersion, suite, await backbone.identity(), preprocessing];
  const featuresFolder = join(folder, "features", contentName(seen));
  const resultsFolder = join(folder, "results", contentName([...seen, method.name]));
  makeFolder(resultsFolder);

  let opened: { readonly task: string; readonly splits: TaskSplits } | undefined;
  const remembered = new Map<string, PartFeatures>();

  const taskNamed = (name: string): Task => options.tasks.find((task) => task.name === name)!;
  const closeTask = async (): Promise<void> => {
    const closing = opened;
    opened = undefined;
    remembered.clear();
    if (closing) for (const source of Object.values(closing.splits)) await source.close();
  };
  const splitsOf = async (name: string): Promise<TaskSplits> => {
    if (opened?.task !== name) {
      await closeTask();
      opened = { task: name, splits: await taskNamed(name).open(options.data) };
    }
    return opened.splits;
  };
  const featuresPath = (task: string, part: Part, draw: Draw): string =>
    join(featuresFolder, task, `${part}${part === "test" ? "" : `-draw${draw}`}.safetensors`);

  const featuresOf = async (task: string, part: Part, draw: Draw): Promise<PartFeatures> => {
    const path = featuresPath(task, part, draw);
    const found = remembered.get(path) ?? (await readFeatures(path));
    // Only the test set's are used again and again.
    if (part === "test") remembered.set(path, found);
    return found;
  };

  const keyOf = (job: SelectJob | FinalJob, setting: Setting): ResultKey => ({
    task: job.task,
    kind: job.kind,
    // What is drawn is part of what a seed stands for.
    seed: job.seed,
    setting: { ...setting, draw: job.draw },
  });

  // The setting with the best accuracy on the validation images, the first of equals; undefined while some are missing.
  const chosen = async (job: FinalJob): Promise<Setting | undefined> => {
    if (settings.length < 2) return settings[0];
    let best: { readonly setting: Setting; readonly accuracy: number } | undefined;
    for (const setting of settings) {
      const found = await readResult(resultsFolder, keyOf({ ...job, kind: "select", setting }, setting));
      if (!found) return undefined;
      if (!best || found.accuracy > best.accuracy) best = { setting, accuracy: found.accuracy };
    }
    return best?.setting;
  };

  const finalOf = async (job: FinalJob): Promise<RunResult | undefined> => {
    const setting = await chosen(job);
    return setting && (await readResult(resultsFolder, keyOf(job, setting)));
  };

  const runFeatures = async (job: FeaturesJob): Promise<void> => {
    await makeFeatures(backbone, cutPart(await splitsOf(job.task), job.part, job.draw), {
      path: featuresPath(job.task, job.part, job.draw),
      preprocessing,
      onProgress: onProgress && ((done) => onProgress(job, done)),
      signal,
    });
  };

  const runMethod = async (job: SelectJob | FinalJob): Promise<void> => {
    const setting = job.kind === "select" ? job.setting : await chosen(job);
    if (!setting) throw new Error(`${job.id} was begun before its settings were tried`);
    const started = performance.now();
    const reached = method.kind === "features" ? await onFeatures(job, setting) : await onImages(job, setting);
    const seconds = (performance.now() - started) / 1000;
    await writeResult(resultsFolder, keyOf(job, setting), { ...reached, setting, seconds });
  };

  const onFeatures = async ({ kind, task, draw, seed }: SelectJob | FinalJob, setting: Setting) => {
    if (method.kind !== "features") throw new Error(`${method.name} does not work on features`);
    const test = await featuresOf(task, kind === "select" ? "validation200" : "test", draw);
    const learnt = await featuresOf(task, "train800", draw);
    const train = kind === "select" ? learnt : joinParts(learnt, await featuresOf(task, "validation200", draw));
    const fitted = await method.evaluator.fit(train, taskNamed(task).classes, setting, {
      seed,
      threads,
      signal,
    });
    const accuracy = accuracyOf(await fitted.scores(test.features), test.labels);
    return { accuracy, images: test.labels.length, unreadable: test.unreadable };
  };

  const onImages = async (job: SelectJob | FinalJob, setting: Setting) => {
    if (method.kind !== "images") throw new Error(`${method.name} works on features`);
    const splits = await splitsOf(job.task);
    const select = job.kind === "select";
    const test = select ? cutPart(splits, "validation200", job.draw) : splits.test;
    const task = taskNamed(job.task);
    const { accuracy, predictions } = await method.method.run({
      backbone: options.backbone,
      train: select ? cutPart(splits, "train800", job.draw) : cutTrain1000(splits, job.draw),
      test,
      classes: task.classes,
      setting,
      seed: job.seed,
      task: task.like ?? task.name,
      imageSize: options.imageSize,
      signal,
      progress: onProgress && ((done: number) => onProgress(job, done)),
    });
    const unreadable = predictions.filter((guess) => guess < 0).length;
    return { accuracy, images: test.length - unreadable, unreadable };
  };

  return closable<SuiteContext>({
    preprocessing,
    backbone,
    isDone: async (job) => {
      if (job.kind === "features") return haveFeatures(featuresPath(job.task, job.part, job.draw));
      if (job.kind === "final") return (await finalOf(job)) !== undefined;
      return (await readResult(resultsFolder, keyOf(job, job.setting))) !== undefined;
    },
    run: (job) => (job.kind === "features" ? runFeatures(job) : runMethod(job)),
    finalResult: (task, seed) =>
      finalOf({ kind: "final", id: "", task, needs: [], seed, draw: options.seededDraws ? seed : 0 }),
    close: async () => {
      await closeTask();
      await backbone.close();
    },
  });
}
