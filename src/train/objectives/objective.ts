/**
 * What a run minimises: a training signal as one small unit, the same to the loop whether it comes from labels, from the
 * images themselves or from a teacher.
 */
import type { Batch } from "../../data/index.js";
import type { NumericArray, Tensor } from "../../graph/index.js";
import type { ValueRange } from "../../images/index.js";
import type { ModelConfig } from "../../models/index.js";
import type { Scope } from "../../nn/index.js";
import type { Random } from "../../random/keyed.js";
import type { Feeds, Results } from "../../runtime/index.js";
import type { Teacher, TeacherSettings } from "../teachers/teacher.js";
import type { MixupSettings } from "./mixup.js";

/** The loaders of a run: `train`, and `unlabelled` where an objective reads images without labels beside it. */
export type StreamName = "train" | "unlabelled";

/** One batch of every stream of the objective. */
export type Batches = Readonly<Partial<Record<StreamName, Batch>>> & { readonly train: Batch };

/** What an objective is built for. */
export interface ObjectiveContext {
  /** The network, with a head of `headClasses` classes. */
  readonly model: ModelConfig;
  /** [height, width, channels] of one input image. */
  readonly image: readonly [number, number, number];
  /** Examples of `train` in a step. */
  readonly batchSize: number;
  /** Examples of `unlabelled` in a step. Default: `batchSize`. */
  readonly unlabelledBatchSize?: number;
  /** Examples in a run of the evaluation. */
  readonly evaluationBatchSize: number;
  /** The range that the training preprocessing brings values to. */
  readonly valueRange: ValueRange;
  /** Classes of the training source. */
  readonly classes: number;
  /** Do batches bring vectors of targets [N, classes] (`labels`) beside single labels? */
  readonly vectorTargets: boolean;
  /** How images and targets are mixed; undefined: not at all. */
  readonly mixup?: MixupSettings;
  /** Opens a network that teaches, for images and batches as these; the objective closes it. */
  openTeacher(settings: TeacherSettings): Promise<Teacher>;
}

/** Scalars of a step; `loss` is differentiated, the others are logged. */
export type StepMetrics = { readonly loss: Tensor } & Readonly<Record<string, Tensor>>;

/** How an objective is evaluated on a source it does not train on. */
export interface ObjectiveEvaluation {
  /** Inputs of a run, traced in `outputs` from a scope that shares the trained parameters and draws nothing. */
  readonly inputs: readonly Tensor[];
  outputs(scope: Scope): Readonly<Record<string, Tensor>>;
  /** The inputs for one batch; arrays of the batch may be handed over. */
  feeds(batch: Batch): Promise<Feeds> | Feeds;
  /** Loss and accuracy (0 to 1) of every example, [N] each, from a run's results. */
  score(results: Results, feeds: Feeds): { readonly loss: ArrayLike<number>; readonly correct: ArrayLike<number> };
}

/** A training signal, ready for one run. */
export interface Objective {
  readonly name: string;
  /** Inputs of a step, [examples, ...] each: the first axis divides into microbatches. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /**
   * The metrics of a part of the batch. Parameters of its own go below `scope.at("objective")`, which
   * separates them from the network's.
   */
  trace(scope: Scope, part: Readonly<Record<string, Tensor>>): StepMetrics;
  /** Values of `inputs` for one step. What is drawn comes from `random`, which follows from the run's seed and the step alone. */
  feeds(batches: Batches, random: Random): Promise<Feeds> | Feeds;
  readonly evaluation: ObjectiveEvaluation;
  /** Does the graph draw random numbers beside those of the network? */
  readonly draws?: boolean;
  /** Does the loss compare the examples of a batch, so that microbatches would change it? */
  readonly wholeBatch?: boolean;
  /** Closes networks that run beside the trained one. */
  close?(): Promise<void>;
}

/** An objective as recipes name it. */
export interface ObjectiveKind<Settings> {
  readonly streams: readonly StreamName[];
  /** Classes of the network's own head for a source of so many classes; 0 for none: the objective brings its own. */
  headClasses(settings: Settings, classes: number): number;
  /** How the head's logits become probabilities; undefined without a head. */
  readonly probabilities: "softmax" | "sigmoid" | undefined;
  /** Can images be mixed together with their targets? */
  readonly mixes?: boolean;
  /** Is every image evaluated independently, so that evaluation batches may be smaller than those of a step? */
  readonly judgesSingly?: boolean;
  open(settings: Settings, context: ObjectiveContext): Promise<Objective> | Objective;
}

/** Replaces the arrays of a batch by those a run gave back for them: a run takes arrays over and returns them as new ones. */
export function returnedBatch(batch: Batch, sent: Feeds, returned: Feeds): Batch {
  const back = (array: NumericArray | undefined) => {
    const name = array && Object.keys(sent).find((key) => sent[key] === array);
    return name === undefined ? array : returned[name];
  };
  return {
    ...batch,
    image: back(batch.image) as Float32Array,
    label: back(batch.label) as Int32Array,
    labels: back(batch.labels) as Float32Array | undefined,
  };
}
