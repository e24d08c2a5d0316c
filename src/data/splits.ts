/** Chooses the splits of a dataset for training and testing: separate splits if it has them, else held-out images. */
import { type Closable, closable, closeOnError } from "../files/closable.js";
import { chooseSplit, openSource, parseSpec, readSet } from "./open.js";
import type { ImageSource } from "./source/types.js";
import { holdOut } from "./views/combine.js";
import { splitSpecs } from "./views/selection.js";

type Note = (text: string) => void;

/** Fraction of each class used for testing if a dataset has no test split. */
const heldOutShare = 0.5;

/** Opened images for training and for testing. */
export interface TrainAndTest extends Closable {
  readonly train: ImageSource;
  readonly test: ImageSource;
  /** Whether the test images were held out of the split of the training images. */
  readonly heldOut: boolean;
}

/** The splits from which a spec (each of its parts) would be read; undefined if a part has no such split. */
async function splitsOf(spec: string, wanted: string | undefined): Promise<string | undefined> {
  const found: string[] = [];
  for (const part of splitSpecs(spec)) {
    const parsed = parseSpec(part);
    const { splits } = await readSet(parsed);
    try {
      found.push(chooseSplit(part, splits, wanted ?? parsed.options["split"]));
    } catch {
      return undefined;
    }
  }
  return found.join(" + ");
}

/** Default test split of a spec: the first of these names besides the training split. */
async function defaultTestSplit(spec: string, trainSplit: string | undefined): Promise<string | undefined> {
  for (const name of ["test", "validation"]) {
    const found = await splitsOf(spec, name);
    if (found !== undefined && found !== trainSplit) return name;
  }
  return undefined;
}

/**
 * Opens the images to evaluate a trained network on: the split given or set in the spec, else the test or validation split, else the only
 * one or the training split, which is reported.
 */
export async function openTestImages(spec: string, split: string | undefined, note?: Note): Promise<ImageSource> {
  const chosen = split !== undefined || splitSpecs(spec).some((part) => parseSpec(part).options["split"] !== undefined);
  const standard = chosen ? split : await defaultTestSplit(spec, undefined);
  const source = await openSource(spec, { split: standard });
  if (!chosen && standard !== "test") {
    note?.(
      `${spec} has no test split; the accuracy is measured on its split "${source.split}", whose images the network should not have seen`,
    );
  }
  return source;
}

/**
 * Opens images for training and testing: separate splits of the dataset if it has them, else half of each class, held out with
 * seed 0.
 */
export async function openTrainAndTest(
  spec: string,
  { split, testSplit }: { readonly split?: string | undefined; readonly testSplit?: string | undefined },
  note?: Note,
): Promise<TrainAndTest> {
  const train = await openSource(spec, { split });
  for (const text of train.notes ?? []) note?.(text);
  return await closeOnError(train, async () => {
    const trainSplit = await splitsOf(spec, split);
    const same = testSplit !== undefined && (await splitsOf(spec, testSplit)) === trainSplit;
    const name = same ? undefined : (testSplit ?? (await defaultTestSplit(spec, trainSplit)));
    if (name !== undefined) {
      const test = await openSource(spec, { split: name });
      if (testSplit === undefined && name !== "test") {
        note?.(`${spec} has no test split; the accuracy is measured on its split "${test.split}"`);
      }
      const close = async () => {
        await train.close();
        await test.close();
      };
      return closable<TrainAndTest>({ train, test, heldOut: false, close });
    }
    const { rest, held } = holdOut(train, heldOutShare);
    const why = same ? `training and test images are both of the split ${train.split}` : `${spec} has no test split`;
    note?.(
      `${why}: half of each class (${held.length} of ${train.length} images, drawn by seed 0) is held out for testing`,
    );
    return closable<TrainAndTest>({ train: rest, test: held, heldOut: true, close: () => train.close() });
  });
}
