/** Parts of the JSON documents that several commands return. */
import { z } from "zod";

export const text = z.string();
export const number = z.number();
export const flag = z.boolean();
export const list = <T extends z.ZodType>(element: T) => z.array(element).readonly();
export const record = <T extends z.ZodType>(value: T) => z.record(z.string(), value).readonly();
/** [lower, upper] of a 95 % confidence interval. */
export const interval = z.tuple([number, number]).readonly().describe("95 % confidence interval");
/** Height, width, channels. */
export const imageShape = z.tuple([number, number, number]).readonly().describe("height, width, channels");
/** Images that could not be read. */
export const unreadable = list(z.object({ id: text, reason: text })).describe("images that could not be read");
/** The images that were classified correctly among all. */
export const accuracy = z.object({
  accuracy: number,
  confidence95: interval,
  right: number.describe("images classified correctly"),
  images: number,
});
/** An object with these keys and further ones that depend on its kind. */
const open = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodType<z.output<z.ZodObject<Shape>>> =>
  z.looseObject(shape) as unknown as z.ZodType<z.output<z.ZodObject<Shape>>>;
/** A network: its spec, and what its kind adds. */
export const model = open({ checkpoint: text, imageShape, preprocessing: text });
/** The images that weights are for. */
export const imageConfig = open({ height: number, width: number, channels: number });
/** The configuration of a model, by its family. */
export const modelConfig = open({ family: text });

/** The result of a training run. */
export const trainResult = z.object({
  folder: text,
  step: number,
  totalSteps: number,
  loss: number,
  evaluation: z
    .object({
      accuracy: number,
      loss: number,
      images: number,
      bad: list(z.object({ index: number, id: text, reason: text })),
    })
    .optional(),
  interrupted: flag.describe("did the run stop before its last step?"),
  seconds: number,
  parameters: number,
  bad: list(text).describe("training images that could not be read"),
});

/** A backbone: a network that gives features. */
export const backbone = open({
  checkpoint: text,
  spec: text,
  width: number.describe("features of an image"),
  imageShape,
  preprocessing: text,
});
