/** The prefetching loader: an endless or counted stream of batches, made off the training thread, exact to continue from any position. */

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

export interface LoaderOptions extends ServiceOptions {
  readonly batchSize: number;
  /** Of sources that do not bring their own: string form or ops; the images that come out must have one size. */
  readonly preprocessing?: string | Preprocessing;
  /** Whether classes of equal names in several sources are one class (the default) or stay apart. */
  readonly mergeClasses?: MergeClasses;
  /** The split of sources given as specs. */
  readonly split?: string;
  /** Orders and random ops follow from it. Default: 0. */
  readonly seed?: number;
  /** A new order every epoch. Default: true in training, false in evaluation. */
  readonly shuffle?: boolean;
  /** After how many epochs the views of an example repeat: random ops draw the same in epoch k and epoch k + views. Default: never. */
  readonly views?: number;
  /** After how many epochs (counted from the first, also when continuing) the loader ends. Default: never in training, 1 in evaluation. */
  readonly epochs?: number;
  /** Every example exactly once an epoch, the last batch padded and masked. Default: false; uneven rests are left out. */
  readonly evaluation?: boolean;
  /** The share of unreadable examples that ends the run; one is always forgiven unless this is 0. Default: 0.01. */
  readonly maxBadFraction?: number;
  /** Makes one of several equal shares of every batch only, so much smaller; other processes make the others. */
  readonly share?: BatchShare;
  /** Where to continue. */
  readonly position?: LoaderPosition;
}

/** One of several sources that a loader mixes. */
export interface LoaderPart {
  readonly source: string | ImageSource;
  /** Default: the loader's. The images of all parts must have the same size afterwards. */
  readonly preprocessing?: string | Preprocessing;
  /** Its share of every batch relative to the others'. Default: its number of examples, so that every one comes as often. */
  readonly weight?: number;
}

/** One batch. */
export interface Batch extends BatchArrays {
  readonly epoch: number;
  /** Where the loader stands after this batch. */
  readonly position: LoaderPosition;
}

/** What is known once the source is open. */
export interface LoaderInfo {
  readonly name: string;
  readonly length: number;
  readonly classNames: readonly string[];
  readonly batchesPerEpoch: number;
}

export interface LoaderStats {
  readonly batches: number;
  /** Examples handed out, padding and unreadable ones not counted. */
  readonly images: number;
  /** The time `next` waited for batches. */
  readonly waitSeconds: number;
  /** Every example that could not be used, once. */
  readonly bad: readonly BadExample[];
}

export interface Loader extends AsyncIterable<Batch>, Closable {
  /** The next batch, or undefined after the last one. Throws if the data fails; from then on every call does. */
  next(): Promise<Batch | undefined>;
  /** Where the loader stands: after the last batch that `next` returned. Undefined until the source is open. */
  position(): LoaderPosition | undefined;
  /** Opens the source if need be and says what is in it. */
  info(): Promise<LoaderInfo>;
  /** Gives a batch's arrays back to be written again; do not touch them afterwards. */
  recycle(batch: Batch): void;
  stats(): LoaderStats;
  /** Ends the threads, and closes sources that were given as specs. */
  close(): Promise<void>;
}

/**
 * Makes a loader over a source, a spec, or several of either, which are mixed: an epoch is as many examples as they have
 * together, and each has its share of it by weight, spread evenly over the batches. In evaluation weights do not count.
 *
 * The batches depend on the source, the seed, the batch size and the preprocessing alone: not on the number of workers, on
 * timing, or on where a run was interrupted. Errors of single examples are counted in `stats().bad`; in training the next
 * good example takes the place, in evaluation the mask is 0; past `maxBadFraction` of the set `next` throws and names them.
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
    if (preprocessing === undefined) throw new Error("a source has no preprocessing, and the loader has none for all");
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
    // One at a time: two calls at once get two batches in order.
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

  /** The open source and its plan, opened at the first call. */
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
      // Whether a batch failed is looked at when its turn comes; until then the failure is not "unhandled".
      made.catch(() => undefined);
      state.queue.push(made);
      state.requested = advance(state.plan, state.requested);
    }
  }

  /** Counts unreadable examples. Throws when there are more of them than `maxBadFraction` allows. */
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
  /** The next batch to return, and the next one to request. */
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

/** Opens what is given as a spec, and lists it in `owned`. */
async function openAll(
  parts: readonly LoaderPart[],
  split: string | undefined,
  owned: ImageSource[],
): Promise<ImageSource[]> {
  if (parts.length === 0) throw new Error("the list of sources is empty");
  const weighted = parts.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < parts.length)
    throw new Error(`${weighted} of ${parts.length} sources have a weight; give one to each or to none`);
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
      throw new Error(`${name} must be a whole number from ${least}, not ${value}`);
    }
  };
  whole("workers", 0);
  whole("prefetch", 1);
  whole("concurrency", 1);
  whole("epochs", 1);
  whole("views", 1);
  whole("cacheBytes", 0);
  const { maxBadFraction = 0, workers = 1 } = options;
  if (!(maxBadFraction >= 0 && maxBadFraction <= 1))
    throw new Error(`maxBadFraction must be from 0 to 1, not ${maxBadFraction}`);
  const own = pipeline.find((op) => !op.registered);
  if (own && workers > 0)
    throw new Error(
      `the op "${own.name}" is a function of your own, which cannot go to a worker thread: use the loader with workers: 0`,
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
    "Repair or remove them, or allow a larger share.",
  ].join("\n");
}
