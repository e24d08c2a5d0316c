/** Opens stored splits of a dataset as sources in TFDS's order, and cuts them into the parts that make up a task. */
import { type ImageSource, select } from "../../../data/index.js";
import { checkIndex } from "../../../data/source/index.js";
import { closable } from "../../../files/closable.js";
import { type EncodedImage, ExampleError, type RawImage } from "../../../images/index.js";
import type { TaskSplits } from "../protocol/task.js";
import { tfdsOrder } from "../protocol/tfds-order.js";

/** A dataset that was found; its splits have TFDS's names. */
export interface StoredSet {
  /** Describes what was read and how it is ordered, for the notes of the sources. */
  readonly found: string;
  readonly splits: ReadonlyMap<string, ImageSource>;
}

/** The examples of one split in any order. */
export interface SplitFiles {
  readonly labels: ArrayLike<number>;
  /** The key that TFDS gives an example, by which it orders them. */
  keyOf(index: number): string | number;
  idOf(index: number): string;
  read(index: number): Promise<EncodedImage | RawImage>;
  /** Closes open files, if any. */
  close?(): Promise<void>;
}

/** A split as a source in TFDS's order. Throws when two examples have the same key. */
export function orderedSource(
  name: string,
  split: string,
  classNames: readonly string[],
  { labels, keyOf, idOf, read, close }: SplitFiles,
): ImageSource {
  const order = tfdsOrder(split, labels.length, keyOf);
  const self = { name, length: order.length };
  let closed = false;
  return closable<ImageSource>({
    ...self,
    split,
    classNames,
    labels: order.map((index) => labels[index]!),
    idOf: (index) => idOf(order[index]!),
    get: async (index) => {
      checkIndex(self, index);
      if (closed) throw new Error(`${name} is closed and cannot be read any more`);
      const stored = order[index]!;
      const id = idOf(stored);
      try {
        return { id, label: labels[stored]!, image: await read(stored) };
      } catch (error) {
        if (error instanceof ExampleError) throw error;
        throw new ExampleError(id, `cannot be read (${error instanceof Error ? error.message : error})`, error);
      }
    },
    close: async () => {
      if (!closed) await close?.();
      closed = true;
    },
  });
}

/** Returns a function that calls `last` on its `times`-th call, to close what several splits share. */
export function afterCalls(times: number, last: () => Promise<void>): () => Promise<void> {
  let left = times;
  return async () => {
    if (--left === 0) await last();
  };
}

/** A part of a stored split: "train", "train[:90%]", "train[60%:80%]". Bounds are rounded down, as in VTAB. */
export type Cut = string;

const cutForm = /^(\w+)(?:\[(?:(\d+)%)?:(?:(\d+)%)?\])?$/;

/** The name of the split that a cut belongs to. */
export function splitOfCut(cut: Cut): string {
  return cutForm.exec(cut)![1]!;
}

function indicesOf(cut: Cut, length: number): number[] {
  const [, , from = "0", to = "100"] = cutForm.exec(cut)!;
  const [start, end] = [from, to].map((percent) => Math.floor((Number(percent) * length) / 100)) as [number, number];
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** The splits of a task. A stored split is closed when the last of its parts is closed. */
export function cutSplits({ found, splits }: StoredSet, cuts: Readonly<Record<keyof TaskSplits, Cut>>): TaskSplits {
  const closers = new Map(
    [...splits].map(([name, source]) => {
      const uses = Object.values(cuts).filter((cut) => splitOfCut(cut) === name).length;
      return [name, afterCalls(uses, () => source.close())] as const;
    }),
  );
  const partOf = (name: keyof TaskSplits): ImageSource => {
    const stored = splitOfCut(cuts[name]);
    const source = splits.get(stored)!;
    const part = select(source, indicesOf(cuts[name], source.length), source.name);
    let closed = false;
    return closable<ImageSource>({
      ...part,
      split: name,
      notes: [found, ...(part.notes ?? [])],
      get: async (index) => {
        if (closed) throw new Error(`${source.name} is closed and cannot be read any more`);
        return part.get(index);
      },
      close: async () => {
        if (!closed) await closers.get(stored)!();
        closed = true;
      },
    });
  };
  return { train: partOf("train"), validation: partOf("validation"), test: partOf("test") };
}
