/**
 * What the objectives that learn from other networks share: how a recipe names a teacher, and several opened and closed as one.
 */
import { z } from "zod";
import { type Closable, closable, closeOnError } from "../../files/closable.js";
import type { Teacher, TeacherSettings } from "./teacher.js";

/** How a network that teaches is named and shown the images. */
export const teacherSettings = {
  /** A run, published weights, or the path of an ONNX file. */
  network: z.string().min(1),
  /** Side of its input images. Default: the student's. */
  imageSize: z.number().int().positive().optional(),
  /** ONNX files: the value range of its input. Default: [-1, 1]. */
  valueRange: z.tuple([z.number(), z.number()]).optional(),
  /** Folder of a cache of its outputs, which are then computed once per image, in this run or another. */
  remember: z.string().min(1).optional(),
};

export interface Teachers extends Closable {
  readonly all: readonly Teacher[];
}

/** Opens teachers, of which `check` may refuse one by throwing; what was opened is closed before an error is passed on. */
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
