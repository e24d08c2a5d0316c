/** Converts a checkpoint to the values of a program's state; an error lists every tensor that does not fit. */
import type { DType, NumericArray } from "../../graph/index.js";
import { CheckpointError, type LoadedCheckpoint } from "./checkpoint.js";

/** A tensor that a checkpoint must have. */
export interface WantedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Default: float32. */
  readonly dtype?: DType;
}

/**
 * The values of the expected tensors, with float16 as its bits. Additional tensors are allowed if `ignored` accepts
 * their names. Throws CheckpointError that lists every tensor that is missing, extra, or of another shape or type.
 */
export function restoredState(
  wanted: readonly WantedTensor[],
  { tensors, path }: Pick<LoadedCheckpoint, "tensors" | "path">,
  ignored: (name: string) => boolean = () => false,
): Record<string, NumericArray> {
  const names = new Set(wanted.map(({ name }) => name));
  const problems = [
    ...wanted.filter(({ name }) => !tensors.has(name)).map(({ name }) => `missing ${name}`),
    ...[...tensors.keys()].filter((name) => !names.has(name) && !ignored(name)).map((name) => `extra ${name}`),
    ...wanted.flatMap(({ name, shape, dtype = "float32" }) => {
      const found = tensors.get(name);
      if (!found || (found.shape.join() === shape.join() && found.dtype === dtype)) return [];
      const [is, expected] = found.dtype === dtype ? ["", ""] : [`${found.dtype} `, `${dtype} `];
      return [`${name} is ${is}[${found.shape.join(", ")}], expected ${expected}[${shape.join(", ")}]`];
    }),
  ];
  if (problems.length > 0) throw new CheckpointError(`${path} does not fit the model:\n  ${problems.join("\n  ")}`);
  return Object.fromEntries(wanted.map(({ name }) => [name, tensors.get(name)!.data as NumericArray]));
}
