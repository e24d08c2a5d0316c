/** What a command learns from and what it names: other splits of a source where it has them, else images held out. */
import {
  chooseSplit,
  holdOut,
  type ImageSource,
  openSource,
  parseSpec,
  readSet,
  splitSpecs,
  stratifiedSample,
} from "../../data/index.js";
import { wholeNumber } from "../words.js";

/** The share of each class that is named where a source has no test split: the examples are few, so half can be spared. */
const heldOutShare = 0.5;

export interface Parts {
  /** The examples are drawn from these. */
  readonly train: ImageSource;
  /** These are named. */
  readonly test: ImageSource;
  /** Were the images to name held out of the split the examples come from? */
  readonly heldOut: boolean;
  close(): Promise<void>;
}

interface WantedSplits {
  readonly split: string | undefined;
  readonly testSplit: string | undefined;
}

/** The splits that a spec (each of its parts) would be read from; undefined where one has none of the wanted name. */
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

/** The first of the usual splits to test on that a spec has beside the one its examples come from. */
async function usualTestSplit(spec: string, trainSplit: string | undefined): Promise<string | undefined> {
  for (const name of ["test", "validation"]) {
    const found = await splitsOf(spec, name);
    if (found !== undefined && found !== trainSplit) return name;
  }
  return undefined;
}

/**
 * Opens the images to measure a finished network on: the split of that name, or that the spec names, else its test or
 * validation split, else the only one or the training split, which is told.
 */
export async function openTest(
  spec: string,
  split: string | undefined,
  note: (text: string) => void,
): Promise<ImageSource> {
  const chosen = split !== undefined || splitSpecs(spec).some((part) => parseSpec(part).options["split"] !== undefined);
  const usual = chosen ? split : await usualTestSplit(spec, undefined);
  const source = await openSource(spec, usual === undefined ? {} : { split: usual });
  if (!chosen && usual !== "test") {
    note(
      `${spec} has no test split; its split "${source.split}" is measured, which should be images that the network has not seen`,
    );
  }
  return source;
}

/**
 * Opens the images to learn from and those to name: other splits of the source where it has them, else half of each class,
 * held out by seed 0.
 */
export async function openParts(
  spec: string,
  { split, testSplit }: WantedSplits,
  note: (text: string) => void,
): Promise<Parts> {
  const train = await openSource(spec, split === undefined ? {} : { split });
  for (const text of train.notes ?? []) note(text);
  try {
    const trainSplit = await splitsOf(spec, split);
    const same = testSplit !== undefined && (await splitsOf(spec, testSplit)) === trainSplit;
    const name = same ? undefined : (testSplit ?? (await usualTestSplit(spec, trainSplit)));
    if (name !== undefined) {
      const test = await openSource(spec, { split: name });
      if (testSplit === undefined && name !== "test")
        note(`${spec} has no test split; its ${test.split} split is named`);
      const close = async () => {
        await train.close();
        await test.close();
      };
      return { train, test, heldOut: false, close };
    }
    const { rest, held } = holdOut(train, heldOutShare);
    const why = same
      ? `the examples and the images to name are both of the split ${train.split}`
      : `${spec} has no other split to test on`;
    note(
      `${why}: half of each class (${held.length} of ${train.length} images, drawn by seed 0) is held out to be named`,
    );
    return { train: rest, test: held, heldOut: true, close: () => train.close() };
  } catch (error) {
    await train.close();
    throw error;
  }
}

/** So many images but for rounding, the same share of each class, drawn by seed 0. */
export function aboutSoMany(source: ImageSource, most: string | undefined, flag: string): ImageSource {
  return most === undefined ? source : stratifiedSample(source, wholeNumber(most, flag, 1));
}
