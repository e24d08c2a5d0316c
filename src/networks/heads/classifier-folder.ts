/** Reads the folder of a fitted classifier, which `fovea fit` writes: its description and the paths of its files. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export const classifierFile = "classifier.json";
export const headFile = "head.safetensors";
export const modelFile = join("onnx", "model.onnx");
const description = z.object({
  format: z.literal(1),
  classNames: z.array(z.string()).min(1),
  preprocessing: z.string(),
  /** How it was fitted. */
  method: z.object({ name: z.string(), title: z.string(), setting: z.record(z.string(), z.number()) }),
  backbone: z.object({
    spec: z.string(),
    kind: z.string(),
    width: z.number(),
    imageShape: z.tuple([z.number(), z.number(), z.number()]),
    identity: z.string(),
  }),
  /** The expected accuracy, if it was measured. */
  expected: z
    .object({
      accuracy: z.number(),
      confidence95: z.tuple([z.number(), z.number()]),
      right: z.number(),
      images: z.number(),
      method: z.string(),
      folds: z.number(),
    })
    .optional(),
});

export type ClassifierDescription = z.infer<typeof description>;

/** Whether a path is the folder of a classifier. */
export const isClassifierFolder = (path: string): boolean => existsSync(join(path, classifierFile));

/** Reads the description of a classifier's folder. Throws when it is damaged. */
export async function readClassifier(folder: string): Promise<ClassifierDescription> {
  const file = join(folder, classifierFile);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const { success, data, error } = description.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new Error(`${file} is not a file that fovea fit writes: ${issue!.path.join(".")}: ${issue!.message}`);
}
