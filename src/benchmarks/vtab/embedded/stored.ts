/** Defines tasks on stored datasets: those in the package, and tar files in the user's folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ImageSource, openSource, select } from "../../../data/index.js";
import { closeOnError } from "../../../files/closable.js";
import {
  SourceError,
  type Task,
  type TaskGroup,
  type TaskOrigin,
  type TaskSizes,
  type TaskSplits,
} from "../protocol/task.js";
import { shuffledRange } from "./source.js";

/** A stored dataset and the task that is made from it. */
interface StoredTask {
  readonly name: string;
  readonly title: string;
  readonly group: TaskGroup;
  readonly classes: number;
  readonly sizes: TaskSizes;
  /** Whether it has a validation split. Otherwise one is cut from the end of the training split. */
  readonly ownValidation: boolean;
  /** The spec of the source, or the name of a file in the folder of datasets. */
  readonly spec: string;
  readonly licence: string;
}

const order = "all splits in an order drawn once with a fixed seed";

/** Real datasets in the package (assets/data/README.md). */
const embedded: readonly StoredTask[] = [
  {
    name: "clothing",
    title: "Clothing",
    group: "natural",
    classes: 10,
    sizes: { train: 3068, validation: 341, test: 372 },
    ownValidation: true,
    spec: "embedded:clothing",
    licence: "CC0-1.0",
  },
  {
    name: "fashion",
    title: "Fashion",
    group: "natural",
    classes: 10,
    sizes: { train: 5400, validation: 600, test: 1000 },
    ownValidation: false,
    spec: "embedded:fashion",
    licence: "MIT",
  },
  {
    name: "sign-digits",
    title: "Sign-Digits",
    group: "specialised",
    classes: 10,
    sizes: { train: 1200, validation: 300, test: 562 },
    ownValidation: false,
    spec: "embedded:sign-digits",
    licence: "Apache-2.0",
  },
];

/** Small public datasets as tar files of `split/class/file`; their images are not part of the package. */
const ofFolder: readonly StoredTask[] = [
  {
    name: "dtd10",
    title: "DTD10",
    group: "natural",
    classes: 10,
    sizes: { train: 600, validation: 200, test: 400 },
    ownValidation: false,
    spec: "dtd10-128.tar",
    licence: "research",
  },
  {
    name: "flowers5",
    title: "Flowers5",
    group: "natural",
    classes: 5,
    sizes: { train: 2700, validation: 300, test: 881 },
    ownValidation: false,
    spec: "flowers5-96.tar",
    licence: "unclear",
  },
  {
    name: "gtsrb",
    title: "GTSRB",
    group: "natural",
    classes: 43,
    sizes: { train: 3753, validation: 417, test: 2150 },
    ownValidation: false,
    spec: "gtsrb-64.tar",
    licence: "research",
  },
  {
    name: "rsscn7",
    title: "RSSCN7",
    group: "specialised",
    classes: 7,
    sizes: { train: 1890, validation: 210, test: 700 },
    ownValidation: false,
    spec: "rsscn7-96.tar",
    licence: "research",
  },
  {
    name: "wbc",
    title: "Blood-Cells",
    group: "specialised",
    classes: 4,
    sizes: { train: 1400, validation: 200, test: 800 },
    ownValidation: false,
    spec: "wbc-96.tar",
    licence: "unclear",
  },
];

const reordered = (source: ImageSource, indices: Int32Array): ImageSource => select(source, [...indices], source.name);

async function openStored(task: StoredTask, spec: string): Promise<TaskSplits> {
  const opened: ImageSource[] = [];
  const open = async (split: string, count: number): Promise<ImageSource> => {
    const source = await openSource(spec, { split });
    opened.push(source);
    if (source.length === count && source.classNames.length === task.classes) return source;
    throw new SourceError(
      `${spec}: the split ${split} has ${source.length} images of ${source.classNames.length} classes; the task ${task.name} expects ${count} of ${task.classes}`,
    );
  };
  const shuffled = (source: ImageSource, split: string) => shuffledRange(0, source.length, `${task.name} ${split}`);
  const { sizes } = task;
  return await closeOnError(opened, async () => {
    // Folders are sorted by class, so parts are cut after shuffling.
    const test = await open("test", sizes.test);
    const train = await open("train", task.ownValidation ? sizes.train : sizes.train + sizes.validation);
    const learn = shuffled(train, "train");
    if (task.ownValidation) {
      const validation = await open("validation", sizes.validation);
      return {
        train: reordered(train, learn),
        validation: reordered(validation, shuffled(validation, "validation")),
        test: reordered(test, shuffled(test, "test")),
      };
    }
    // Every split is closed separately, so the validation split opens its own source.
    const rest = await open("train", train.length);
    return {
      train: reordered(train, learn.subarray(0, sizes.train)),
      validation: reordered(rest, learn.subarray(sizes.train)),
      test: reordered(test, shuffled(test, "test")),
    };
  });
}

function storedTask(task: StoredTask, specOf: (folder?: string) => string, origin: Partial<TaskOrigin>): Task {
  const { name, title, group, classes, sizes, licence } = task;
  return {
    name,
    title,
    group,
    classes,
    sizes,
    origin: { files: [], licence, order, ...origin },
    open: (folder) => openStored(task, specOf(folder)),
  };
}

export const embeddedStoredTasks: readonly Task[] = embedded.map((task) => storedTask(task, () => task.spec, {}));

/** The tasks whose files lie in a folder of datasets. */
export function folderTasks(folder: string): readonly Task[] {
  return ofFolder
    .filter(({ spec }) => existsSync(join(folder, spec)))
    .map((task) =>
      storedTask(task, (given) => join(given ?? folder, task.spec), { instructions: `${task.spec} in ${folder}` }),
    );
}

/** The file names that `folderTasks` looks for. */
export const folderTaskFiles: readonly string[] = ofFolder.map(({ spec }) => spec);
