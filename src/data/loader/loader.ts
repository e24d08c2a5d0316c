/** The prefetching loader: an endless or finite stream of batches, made outside the training thread and resumable at any position. */

import type { Closable } from "../../files/closable.js";
import { preprocessing as makePreprocessing, type Preprocessing } from "../../images/index.js";
import { openSource } from "../open.js";
import type { ImageSource, MergeClasses } from "../source/types.js";
import { concat } from "../views/combine.js";
import type { BadExample, BatchArrays, MadeBatch } from "./batch.js";
import {
  advance,
  type BatchShare,
  batchesPerEpoch,
  checkPlan,
  checkPosition,
  type LoaderPosition,
  type Plan,
  type PlanPart,
} from "./plan.js";
import { type BatchService, createService, type ServiceOptions } from "./service.js";

/** Options of `createLoader`. */
export interface LoaderOptions extends ServiceOptions {
  readonly batchSize: number;
  /** Default for sources without their own: a string or a list of ops. The resulting images must have the same size. */
  readonly preprocessing?: string | Preprocessing;
  /** Whether classes with equal names in several sources are merged ("by-name", the default) or kept separate. */
  readonly mergeClasses?: MergeClasses;
  /** Split of sources passed as specs. */
  readonly split?: string;
  /** Seed of the order and of random ops. Default: 0. */
  readonly seed?: number;
  /** Shuffle in every epoch. Default: true in training, false in evaluation. */
  readonly shuffle?: boolean;
  /** Number of epochs after which random ops repeat: epoch k + views draws the same as epoch k. Default: never. */
  readonly views?: number;
  /** Number of epochs, counted from the first even if the loader is resumed. Default: infinite in training, 1 in evaluation. */
  readonly epochs?: number;
  /** Return every example exactly once in an epoch and pad and mask the last batch. Default: false, which drops the remainder. */
  readonly evaluation?: boolean;
  /** Maximum fraction of unreadable examples; one is always tolerated unless this is 0. Default: 0.01. */
  readonly maxBadFraction?: number;
  /** Make only one of several equal shares of every batch; other processes make the others. */
  readonly share?: BatchShare;
  /** Position at which to resume. */
  readonly position?: LoaderPosition;
}

/** One of several sources that a loader mixes. */
export interface LoaderPart {
  readonly source: string | ImageSource;
  /** Default: that of the loader. The images of all parts must have the same size afterwards. */
  readonly preprocessing?: string | Preprocessing;
  /** Share of every batch relative to the other parts. Default: its number of examples, so that all examples are equally frequent. */
  readonly weight?: number;
}

/** One batch. */
export interface Batch extends BatchArrays {
  readonly epoch: number;
  /** Position of the loader after this batch. */
  readonly position: LoaderPosition;
}

/** Properties of the opened source. */
export interface LoaderInfo {
  readonly name: string;
  readonly length: number;
  readonly classNames: readonly string[];
  readonly batchesPerEpoch: number;
}

export interface LoaderStats {
  readonly batches: number;
  /** Number of examples returned, without padding and unreadable ones. */
  readonly images: number;
  /** Total time that `next` waited for batches. */
  readonly waitSeconds: number;
  /** Every example that could not be used, listed once. */
  readonly bad: readonly BadExample[];
}

export interface Loader extends AsyncIterable<Batch>, Closable {
  /** Returns the next batch, or undefined after the last one. Throws if the data fails, and again in every later call. */
  next(): Promise<Batch | undefined>;
  /** Position after the last batch that `next` returned. Undefined until the source is open. */
  position(): LoaderPosition | undefined;
  /** Opens the source if it is not open, and returns its properties. */
  info(): Promise<LoaderInfo>;
  /** Returns a batch's arrays for reuse; they must not be used afterwards. */
  recycle(batch: Batch): void;
  stats(): LoaderStats;
  /** Ends the threads, and closes sources that were passed as specs. */
  close(): Promise<void>;
}

/**
 * Creates a loader over a source, a spec, or a mixture of several. An epoch of a mixture has as many examples as all sources together, and
 * each source contributes its share by weight, spread evenly over the batches. Evaluation ignores the weights.
 *
 * The batches depend only on the source, the seed, the batch size and the preprocessing. They do not depend on the number of workers, on
 * timing, or on where a run was interrupted. Errors of single examples are counted in `stats().bad`. In training the next good example is
 * used instead; in evaluation the mask is 0. If more than `maxBadFraction` of the examples fail, `next` throws and lists them.
 *
 * @example
 * const loader = createLoader("embedded:clothing", { batchSize: 64, preprocessing: "decode|inception_crop(64)|flip_lr|value_range(-1,1)" });
 * for await (const batch of loader) { ...; loader.recycle(batch); }
 * await loader.close();
 */
export function createLoader(
  source: string | ImageSource | readonly (string | LoaderPart)[],
  options: LoaderOptions,
): Loader {
  const given: readonly LoaderPart[] = isList(source)
    ? source.map((part) => (typeof part === "string" ? { source: part } : part))
    : [{ source }];
  const pipelines = given.map(({ preprocessing = options.preprocessing }) => {
    if (preprocessing === undefined)
      throw new Error("a source has no preprocessing; set it for this source or for the loader");
    return typeof preprocessing === "string" ? makePreprocessing(preprocessing) : preprocessing;
  });
  checkOptions(options, pipelines.flat());
  return new PrefetchingLoader(given, pipelines, options);
}

class PrefetchingLoader implements Loader {
  private readonly epochs: number;
  private readonly owned: ImageSource[] = [];
  private readonly bad = new Map<number, BadExample>();
  private readonly spare: BatchArrays[] = [];
  private opening: Promise<State> | undefined;
  private state: State | undefined;
  private failure: Error | undefined;
  private closed = false;
  private turn: Promise<unknown> = Promise.resolve();
  private waited = 0;
  private batches = 0;
  private images = 0;

  constructor(
    private readonly parts: readonly LoaderPart[],
    private readonly pipelines: readonly Preprocessing[],
    private readonly options: LoaderOptions,
  ) {
    this.epochs = options.epochs ?? (options.evaluation ? 1 : Number.POSITIVE_INFINITY);
  }

  next(): Promise<Batch | undefined> {
    // Calls are serialised, so that two concurrent calls return two batches in order.
    const result = this.turn
      .then(() => this.take())
      .catch((error: unknown) => {
        this.failure ??= error instanceof Error ? error : new Error(String(error));
        throw this.failure;
      });
    this.turn = result.catch(() => undefined);
    return result;
  }

  position(): LoaderPosition | undefined {
    return this.state?.position;
  }

  async info(): Promise<LoaderInfo> {
    const { source, plan } = await this.ready();
    const { name, classNames } = source;
    return { name, length: plan.length, classNames, batchesPerEpoch: batchesPerEpoch(plan) };
  }

  recycle({ image, shape, label, labels, mask, indices }: Batch): void {
    const { batchSize, share } = this.options;
    if (label.length !== batchSize / (share?.of ?? 1) || image.length === 0) return;
    this.spare.push({ image, shape, label, mask, indices, labels });
  }

  stats(): LoaderStats {
    const { batches, images } = this;
    return { batches, images, waitSeconds: this.waited / 1000, bad: [...this.bad.values()] };
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const opened = await this.opening?.catch(() => undefined);
    await opened?.service.close();
    for (const one of this.owned.splice(0)) await one.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch> {
    for (let batch = await this.next(); batch; batch = await this.next()) yield batch;
  }

  /** Returns the opened source and its plan; the first call opens it. */
  private ready(): Promise<State> {
    this.opening ??= this.open().then((opened) => {
      this.state = opened;
      return opened;
    });
    return this.opening;
  }

  private async open(): Promise<State> {
    const { options, parts } = this;
    const { evaluation = false } = options;
    const sources = await openAll(parts, options.split, this.owned);
    const source = sources.length === 1 ? sources[0]! : concat(sources, mergeOption(options));
    const mixed = sources.length > 1 && { parts: sources.map((part, i) => planPart(part, parts[i]!.weight)) };
    const plan: Plan = {
      ...(mixed || (source.shards && { shards: source.shards })),
      length: source.length,
      batchSize: options.batchSize,
      seed: options.seed ?? 0,
      shuffle: options.shuffle ?? !evaluation,
      evaluation,
      share: options.share,
      views: options.views,
    };
    checkPlan(plan, source.name);
    const { seed, batchSize, length } = plan;
    const start: LoaderPosition = { epoch: 0, batch: 0, seed, batchSize, length };
    const position = options.position ? checkPosition(plan, options.position) : start;
    const service = createService(source, plan, this.pipelines, options);
    return { source, plan, position, requested: position, queue: [], service };
  }

  private async take(): Promise<Batch | undefined> {
    if (this.closed) throw new Error("the loader is closed");
    if (this.failure) throw this.failure;
    const state = await this.ready();
    if (state.position.epoch >= this.epochs) return undefined;
    this.requestAhead(state);
    const since = performance.now();
    state.service.hold(true);
    const { arrays, bad } = await state.queue.shift()!.finally(() => state.service.hold(false));
    this.waited += performance.now() - since;
    this.countBad(state, bad);
    const { epoch } = state.position;
    state.position = advance(state.plan, state.position);
    this.requestAhead(state);
    this.batches++;
    for (const valid of arrays.mask) this.images += valid;
    return { ...arrays, epoch, position: state.position };
  }

  private requestAhead(state: State): void {
    while (state.queue.length < state.service.ahead && state.requested.epoch < this.epochs) {
      const made = state.service.request(state.requested.epoch, state.requested.batch, this.spare.pop());
      // A failure is reported when the batch is returned; this handler avoids an unhandled rejection until then.
      made.catch(() => undefined);
      state.queue.push(made);
      state.requested = advance(state.plan, state.requested);
    }
  }

  /** Counts unreadable examples. Throws if they exceed `maxBadFraction`. */
  private countBad({ source, plan }: State, examples: readonly BadExample[]): void {
    const { bad } = this;
    const { maxBadFraction = 0.01 } = this.options;
    for (const example of examples) if (!bad.has(example.index)) bad.set(example.index, example);
    const allowed = maxBadFraction === 0 ? 0 : Math.max(1, Math.floor(maxBadFraction * plan.length));
    if (bad.size > allowed) throw new Error(tooManyBad(source.name, [...bad.values()], plan.length, maxBadFraction));
  }
}

interface State {
  readonly source: ImageSource;
  readonly plan: Plan;
  readonly service: BatchService;
  /** Position of the next batch to return, and of the next one to request. */
  position: LoaderPosition;
  requested: LoaderPosition;
  readonly queue: Promise<MadeBatch>[];
}

const isList = (
  source: string | ImageSource | readonly (string | LoaderPart)[],
): source is readonly (string | LoaderPart)[] => Array.isArray(source);

const mergeOption = ({ mergeClasses }: LoaderOptions) => ({ mergeClasses });

function planPart({ length, shards }: ImageSource, weight = length): PlanPart {
  return { length, weight, shards };
}

/** Opens the sources passed as specs, and adds them to `owned`. */
async function openAll(
  parts: readonly LoaderPart[],
  split: string | undefined,
  owned: ImageSource[],
): Promise<ImageSource[]> {
  if (parts.length === 0) throw new Error("the list of sources is empty; expected at least one");
  const weighted = parts.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < parts.length)
    throw new Error(`${weighted} of ${parts.length} sources have a weight; set it for each or for none`);
  const sources: ImageSource[] = [];
  for (const { source } of parts) {
    if (typeof source === "string") owned.push(await openSource(source, { split }));
    sources.push(typeof source === "string" ? owned.at(-1)! : source);
  }
  return sources;
}

function checkOptions(options: LoaderOptions, pipeline: Preprocessing): void {
  const whole = (
    name: "workers" | "prefetch" | "concurrency" | "epochs" | "views" | "cacheBytes",
    least: number,
  ): void => {
    const value = options[name];
    if (value !== undefined && !(value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= least))) {
      throw new Error(`invalid ${name} ${value}; expected an integer of at least ${least}`);
    }
  };
  whole("workers", 0);
  whole("prefetch", 1);
  whole("concurrency", 1);
  whole("epochs", 1);
  whole("views", 1);
  whole("cacheBytes", 0);
  const { maxBadFraction = 0, workers = 0 } = options;
  if (!(maxBadFraction >= 0 && maxBadFraction <= 1))
    throw new Error(`invalid maxBadFraction ${maxBadFraction}; expected a number from 0 to 1`);
  const own = pipeline.find((op) => !op.registered);
  if (own && workers > 0)
    throw new Error(
      `the op "${own.name}" is a custom function, which cannot be sent to a worker thread; use the loader without workers`,
    );
}

function tooManyBad(name: string, bad: readonly BadExample[], length: number, maxBadFraction: number): string {
  const shown = bad.slice(0, 5).map(({ id, reason }) => `  ${id}: ${reason}`);
  const more = bad.length > shown.length ? [`  and ${bad.length - shown.length} more`] : [];
  const share = ((100 * bad.length) / length).toPrecision(2);
  return [
    `${bad.length} of the ${length} examples of ${name} (${share} %) could not be read, more than maxBadFraction ${maxBadFraction} allows:`,
    ...shown,
    ...more,
    "repair or remove them, or raise maxBadFraction",
  ].join("\n");
}
