/** The prefetching loader: an endless or counted stream of batches, made off the training thread, exact to continue from any position. */

import { type Closable, closable } from "../../files/closable.js";
import { describePreprocessing, preprocessing as makePreprocessing, type Preprocessing } from "../../images/index.js";
import { openSource } from "../open.js";
import type { ImageSource, MergeClasses } from "../source/types.js";
import { concat } from "../views/combine.js";
import { type BadExample, type BatchArrays, createBatchMaker, type MadeBatch } from "./batch.js";
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
import { createWorkers } from "./workers.js";

export interface LoaderOptions {
  readonly batchSize: number;
  /** Of sources that do not bring their own: string form or ops; the images that come out must have one size. */
  readonly preprocessing?: string | Preprocessing;
  /** Whether classes of equal names in several sources are one class (the default) or stay apart. */
  readonly mergeClasses?: MergeClasses;
  /** The split of sources given as specs. */
  readonly split?: string;
  /** Orders and random ops follow from it. Default 0. */
  readonly seed?: number;
  /** A new order every epoch. Default true in training, false in evaluation. */
  readonly shuffle?: boolean;
  /** After how many epochs the views of an example repeat: random ops draw the same in epoch k and epoch k + views. Default: never. */
  readonly views?: number;
  /** After how many epochs (counted from the first, also when continuing) the loader ends. Default: never in training, 1 in evaluation. */
  readonly epochs?: number;
  /** Every example exactly once an epoch, the last batch padded and masked. Default false: uneven rests are left out. */
  readonly evaluation?: boolean;
  /** Threads that make batches; 0 makes them on the calling thread when they are asked for. Default 1. */
  readonly workers?: number;
  /** Batches made ahead. Default 2 for each worker. */
  readonly prefetch?: number;
  /** Examples that each worker reads and decodes at once. Default 2. */
  readonly concurrency?: number;
  /** Memory for pixels kept from epoch to epoch, over all workers. Default 256 MiB. */
  readonly cacheBytes?: number;
  /** The share of unreadable examples that ends the run; one is always forgiven unless this is 0. Default 0.01. */
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

/** Makes batches by their place; the two ways are this thread and workers. */
export interface BatchService {
  /** Starts (or, on this thread, does) the work for one batch. */
  request(epoch: number, batch: number, reuse?: BatchArrays): Promise<MadeBatch>;
  /** How many batches may be asked for ahead. */
  readonly ahead: number;
  /** Keeps the process alive while `next` waits, and only then. */
  hold(waiting: boolean): void;
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
    if (preprocessing === undefined) throw new Error("A source has no preprocessing, and the loader has none for all.");
    return typeof preprocessing === "string" ? makePreprocessing(preprocessing) : preprocessing;
  });
  const { evaluation = false, workers = 1, maxBadFraction = 0.01 } = options;
  const epochs = options.epochs ?? (evaluation ? 1 : Number.POSITIVE_INFINITY);
  checkOptions(options, pipelines.flat());
  const owned: ImageSource[] = [];
  let state: State | undefined;
  let opening: Promise<State> | undefined;
  let failure: Error | undefined;
  let closed = false;
  let waited = 0;
  let batches = 0;
  let images = 0;
  const bad = new Map<number, BadExample>();
  const spare: BatchArrays[] = [];

  const open = async (): Promise<State> => {
    const sources = await openAll(given, options.split, owned);
    const opened = sources.length === 1 ? sources[0]! : concat(sources, mergeOption(options));
    const mixed = sources.length > 1 && { parts: sources.map((part, i) => planPart(part, given[i]!.weight)) };
    const plan: Plan = {
      ...(mixed || (opened.shards && { shards: opened.shards })),
      length: opened.length,
      batchSize: options.batchSize,
      seed: options.seed ?? 0,
      shuffle: options.shuffle ?? !evaluation,
      evaluation,
      share: options.share,
      views: options.views,
    };
    checkPlan(plan, opened.name);
    const start: LoaderPosition = {
      epoch: 0,
      batch: 0,
      seed: plan.seed,
      batchSize: plan.batchSize,
      length: plan.length,
    };
    const position = options.position ? checkPosition(plan, options.position) : start;
    return {
      source: opened,
      plan,
      position,
      asked: position,
      queue: [],
      service: createService(opened, plan, pipelines, options, workers),
    };
  };
  const ready = (): Promise<State> => {
    opening ??= open().then((opened) => {
      state = opened;
      return opened;
    });
    return opening;
  };

  const askAhead = (s: State): void => {
    while (s.queue.length < s.service.ahead && s.asked.epoch < epochs) {
      const made = s.service.request(s.asked.epoch, s.asked.batch, spare.pop());
      // Whether a batch failed is looked at when its turn comes; until then the failure is not "unhandled".
      made.catch(() => undefined);
      s.queue.push(made);
      s.asked = advance(s.plan, s.asked);
    }
  };

  const count = (s: State, found: readonly BadExample[]): void => {
    for (const example of found) if (!bad.has(example.index)) bad.set(example.index, example);
    const allowed = maxBadFraction === 0 ? 0 : Math.max(1, Math.floor(maxBadFraction * s.plan.length));
    if (bad.size > allowed)
      throw new Error(tooManyBad(s.source.name, [...bad.values()], s.plan.length, maxBadFraction));
  };

  const take = async (): Promise<Batch | undefined> => {
    if (closed) throw new Error("The loader is closed.");
    if (failure) throw failure;
    const s = await ready();
    if (s.position.epoch >= epochs) return undefined;
    askAhead(s);
    const since = performance.now();
    s.service.hold(true);
    const { arrays, bad: found } = await s.queue.shift()!.finally(() => s.service.hold(false));
    waited += performance.now() - since;
    count(s, found);
    const { epoch } = s.position;
    s.position = advance(s.plan, s.position);
    askAhead(s);
    batches++;
    for (const valid of arrays.mask) images += valid;
    return { ...arrays, epoch, position: s.position };
  };

  let turn: Promise<unknown> = Promise.resolve();
  const next = (): Promise<Batch | undefined> => {
    // One at a time: two calls at once get two batches in order.
    const result = turn.then(take).catch((error: unknown) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
      throw failure;
    });
    turn = result.catch(() => undefined);
    return result;
  };

  return closable<Loader>({
    next,
    position: () => state?.position,
    info: async () => {
      const { source: opened, plan } = await ready();
      return {
        name: opened.name,
        length: plan.length,
        classNames: opened.classNames,
        batchesPerEpoch: batchesPerEpoch(plan),
      };
    },
    recycle: ({ image, shape, label, labels, mask, indices }) => {
      if (label.length !== options.batchSize / (options.share?.of ?? 1) || image.length === 0) return;
      spare.push({ image, shape, label, mask, indices, labels });
    },
    stats: () => ({ batches, images, waitSeconds: waited / 1000, bad: [...bad.values()] }),
    close: async () => {
      if (closed) return;
      closed = true;
      const opened = await opening?.catch(() => undefined);
      await opened?.service.close();
      for (const one of owned.splice(0)) await one.close();
    },
    async *[Symbol.asyncIterator]() {
      for (let batch = await next(); batch; batch = await next()) yield batch;
    },
  });
}

interface State {
  readonly source: ImageSource;
  readonly plan: Plan;
  readonly service: BatchService;
  /** The next batch to hand out, and the next one to ask for. */
  position: LoaderPosition;
  asked: LoaderPosition;
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
  if (parts.length === 0) throw new Error("The list of sources is empty.");
  const weighted = parts.filter(({ weight }) => weight !== undefined).length;
  if (weighted > 0 && weighted < parts.length)
    throw new Error(`${weighted} of ${parts.length} sources have a weight; give one to each or to none.`);
  const sources: ImageSource[] = [];
  for (const { source } of parts) {
    if (typeof source === "string") owned.push(await openSource(source, { split }));
    sources.push(typeof source === "string" ? owned.at(-1)! : source);
  }
  return sources;
}

function createService(
  source: ImageSource,
  plan: Plan,
  pipelines: readonly Preprocessing[],
  options: LoaderOptions,
  workers: number,
): BatchService {
  const { concurrency = 2, cacheBytes = 256 * 2 ** 20 } = options;
  if (workers === 0) {
    const maker = createBatchMaker(source, plan, pipelines, { concurrency, cacheBytes });
    // One batch is begun ahead: sharp decodes on threads of its own while the caller does something else.
    return { ahead: 1, request: maker.make, hold: () => undefined, close: async () => undefined };
  }
  if (!source.recipe) {
    throw new Error(
      `${source.name} was made by hand, so a worker thread cannot open it: use the loader with workers: 0.`,
    );
  }
  const setup = {
    recipe: source.recipe,
    plan,
    preprocessing: pipelines.map(describePreprocessing),
    concurrency,
    cacheBytes: Math.floor(cacheBytes / workers),
  };
  return createWorkers(setup, workers, options.prefetch ?? 2 * workers);
}

function checkOptions(options: LoaderOptions, pipeline: Preprocessing): void {
  const whole = (
    name: "workers" | "prefetch" | "concurrency" | "epochs" | "views" | "cacheBytes",
    least: number,
  ): void => {
    const value = options[name];
    if (value !== undefined && !(value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= least))) {
      throw new Error(`${name} must be a whole number from ${least}, not ${value}.`);
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
    throw new Error(`maxBadFraction must be from 0 to 1, not ${maxBadFraction}.`);
  const own = pipeline.find((op) => !op.registered);
  if (own && workers > 0)
    throw new Error(
      `The op "${own.name}" is a function of your own, which cannot go to a worker thread: use the loader with workers: 0.`,
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
