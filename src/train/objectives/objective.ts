/**
 * Defines an objective, the loss that a run minimises. The training loop treats all objectives alike, whether the
 * signal comes from labels, from the images or from a teacher.
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

/** The loaders of a run: `train`, and `unlabelled` for objectives that also use images without labels. */
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
  /** Examples in an evaluation batch. */
  readonly evaluationBatchSize: number;
  /** The value range of images after the training preprocessing. */
  readonly valueRange: ValueRange;
  /** Classes of the training source. */
  readonly classes: number;
  /** Whether batches contain target vectors [N, classes] (`labels`) in addition to single labels. */
  readonly vectorTargets: boolean;
  /** The mixup of images and targets. Default: none. */
  readonly mixup?: MixupSettings;
  /** Opens a teacher network for images and batches of this context; the objective closes it. */
  openTeacher(settings: TeacherSettings): Promise<Teacher>;
}

/** Scalars of a step; `loss` is differentiated, the others are logged. */
export type StepMetrics = { readonly loss: Tensor } & Readonly<Record<string, Tensor>>;

/** How an objective is evaluated on a source that it is not trained on. */
export interface ObjectiveEvaluation {
  /**
   * Inputs of an evaluation run. `outputs` traces them with a scope that shares the trained parameters and draws no
   * random numbers.
   */
  readonly inputs: readonly Tensor[];
  outputs(scope: Scope): Readonly<Record<string, Tensor>>;
  /** The inputs for one batch; arrays of the batch may be transferred. */
  feeds(batch: Batch): Promise<Feeds> | Feeds;
  /** Loss and accuracy (0 to 1) of every example, [N] each, from the results of a run. */
  score(results: Results, feeds: Feeds): { readonly loss: ArrayLike<number>; readonly correct: ArrayLike<number> };
}

/** A training signal, ready for one run. */
export interface Objective {
  readonly name: string;
  /** Inputs of a step, [examples, ...] each; the first axis is divided into microbatches. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /**
   * Traces the metrics of a part of the batch. The objective's own parameters go below `scope.at("objective")`, which
   * separates them from the network's.
   */
  trace(scope: Scope, part: Readonly<Record<string, Tensor>>): StepMetrics;
  /**
   * Values of `inputs` for one step. All random numbers come from `random`, which depends only on the run's seed and
   * the step.
   */
  feeds(batches: Batches, random: Random): Promise<Feeds> | Feeds;
  readonly evaluation: ObjectiveEvaluation;
  /** Whether the graph draws random numbers in addition to those of the network. */
  readonly draws?: boolean;
  /** Whether the loss compares the examples of a batch, so that microbatches would change it. */
  readonly wholeBatch?: boolean;
  /** Closes the networks that run beside the trained one. */
  close?(): Promise<void>;
}

/** A type of objective, with its name in recipes. */
export interface ObjectiveKind<Settings> {
  readonly streams: readonly StreamName[];
  /**
   * Classes of the network's own head for a source with this many classes; 0 if the objective has its own head instead.
   */
  headClasses(settings: Settings, classes: number): number;
  /** The function that turns the head's logits into probabilities; undefined without a head. */
  readonly probabilities: "softmax" | "sigmoid" | undefined;
  /** Whether images can be mixed together with their targets. */
  readonly mixes?: boolean;
  /**
   * Whether every image is evaluated independently, so that evaluation batches may be smaller than training batches.
   */
  readonly judgesSingly?: boolean;
  open(settings: Settings, context: ObjectiveContext): Promise<Objective> | Objective;
}

/**
 * Replaces the arrays of a batch by those that a run returned: a run that takes arrays over (`transfer`) returns them as new arrays.
 */
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
