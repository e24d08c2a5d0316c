/**
 * Shared parts of objectives with teachers: the settings of a teacher in a recipe, and opening and closing several
 * together.
 */
import { z } from "zod";
import { type Closable, closable, closeOnError } from "../../files/closable.js";
import type { Teacher, TeacherSettings } from "./teacher.js";

/** The settings of a teacher network. */
export const teacherSettings = {
  /** A run folder, weights, the folder of a classifier that `fovea fit` wrote, or an ONNX file. */
  network: z.string().min(1),
  /** Side of its input images. Default: the student's. */
  imageSize: z.number().int().positive().optional(),
  /** For ONNX files: the value range of the input. Default: what the file states, else [-1, 1]. */
  valueRange: z.tuple([z.number(), z.number()]).optional(),
  /** Folder of a cache of its outputs: each image is computed once, in this run or another. Use it together with `data.views`. */
  remember: z.string().min(1).optional(),
};

export interface Teachers extends Closable {
  readonly all: readonly Teacher[];
}

/** Opens teachers. `check` may reject one by throwing; what was opened is then closed before the error is thrown. */
export async function openTeachers(
  settings: readonly TeacherSettings[],
  context: { readonly openTeacher: (settings: TeacherSettings) => Promise<Teacher> },
  check: (teacher: Teacher) => void = () => {},
): Promise<Teachers> {
  const all: Teacher[] = [];
  const close = async (): Promise<void> => {
    for (const teacher of all) await teacher.close();
  };
  return await closeOnError(all, async () => {
    for (const one of settings) {
      all.push(await context.openTeacher(one));
      check(all.at(-1)!);
    }
    return closable<Teachers>({ all, close });
  });
}
