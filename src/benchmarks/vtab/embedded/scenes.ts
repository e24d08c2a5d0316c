/**
 * Defines tasks on generated scenes, counting and distance to the closest object, after the two CLEVR tasks of VTAB.
 */
import { openSource } from "../../../data/index.js";
import type { Task, TaskSplits } from "../protocol/task.js";

/** Every split has its own sequence of scenes. */
const lengths = { train: 3000, validation: 600 } as const;

interface Question {
  readonly name: string;
  readonly title: string;
  readonly classes: number;
  readonly like: string;
  readonly options: string;
}

/** CLEVR's scenes contain 3 to 10 objects: eight classes (papers.md 4.2). */
const counting: Question = {
  name: "scene-count",
  title: "Scene-Count",
  classes: 8,
  like: "clevr-count",
  options: "label=count&counts=3-10",
};

/**
 * CLEVR's task cuts the distance of the nearest object at 8, 8.5, 9, 9.5 and 10. The scenes generated here have other
 * units and 1 to 5 objects; their distances are cut into six classes of about equal size
 * (src/data/kinds/generated-shapes.ts).
 */
const distance: Question = {
  name: "scene-distance",
  title: "Scene-Dist",
  classes: 6,
  like: "clevr-distance",
  options: "label=distance&counts=1-5",
};

function sceneTask({ name, title, classes, like, options }: Question, test: number): Task {
  const open = (split: string, length: number) =>
    openSource(`generated:shapes?${options}&size=96&length=${length}&seed=19`, { split });
  return {
    name,
    title,
    group: "structured",
    classes,
    like,
    sizes: { ...lengths, test },
    origin: { files: [], licence: "rendered by this package (Apache-2.0)", order: "as generated, scene by scene" },
    open: async (): Promise<TaskSplits> => ({
      train: await open("train", lengths.train),
      validation: await open("validation", lengths.validation),
      test: await open("test", test),
    }),
  };
}

/** The two tasks, each with `test` test images. */
export const sceneTasks = (test: number): readonly Task[] => [sceneTask(counting, test), sceneTask(distance, test)];
