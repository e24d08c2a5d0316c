/**
 * Defines the tasks dSpr-Loc and dSpr-Ori on dSprites images that this package renders, with VTAB's labels, splits and
 * order.
 */
import type { ImageSource } from "../../../data/index.js";
import type { Task, TaskSplits } from "../protocol/task.js";
import { tfdsOrder } from "../protocol/tfds-order.js";
import { dspritesClass } from "../sets/labels.js";
import { renderSprite, spriteCount, spriteFactors, spriteLatents } from "./dsprites.js";
import { generatedSource } from "./source.js";

/** Positions and orientations are binned into this many classes (papers.md 4.2). */
export const spriteClasses = 16;

/** 80, 10 and 10 % of the images in the order of TensorFlow Datasets (papers.md 4.1). */
const parts = { train: 589_824, validation: 73_728, test: 73_728 } as const;

let order: Int32Array | undefined;

/**
 * One of the two tasks. `test` limits the test images, counted from the start of the published test split; default: all
 * 73,728.
 */
export function spriteTask(factor: "x" | "orientation", test: number = parts.test): Task {
  const values = spriteFactors[factor];
  const [name, title] = factor === "x" ? ["dsprites-location", "dSpr-Loc"] : ["dsprites-orientation", "dSpr-Orient"];
  const classNames = Array.from({ length: spriteClasses }, (_, i) => `${factor} ${i} of ${spriteClasses}`);
  return {
    name,
    title,
    group: "structured",
    classes: spriteClasses,
    sizes: { ...parts, test },
    origin: {
      files: [],
      licence: "rendered by this package (after dSprites, Apache-2.0)",
      order: "TFDS 2.0.0: by the MD5 of the archive's indices, as in its code; not compared with a stored copy",
    },
    open: async (): Promise<TaskSplits> => {
      order ??= tfdsOrder("train", spriteCount, (picture) => picture);
      const from = { train: 0, validation: parts.train, test: parts.train + parts.validation };
      const split = (part: keyof typeof parts, count: number): ImageSource =>
        generatedSource({
          name,
          split: part,
          classNames,
          pictures: order!.subarray(from[part], from[part] + count),
          label: (picture) => dspritesClass(spriteLatents(picture)[factor], values),
          draw: (picture) => renderSprite(spriteLatents(picture)),
        });
      return {
        train: split("train", parts.train),
        validation: split("validation", parts.validation),
        test: split("test", test),
      };
    },
  };
}
