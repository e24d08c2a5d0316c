// From a checkpoint to the values of a program's state, with every misfit named at once.
import { CheckpointError, type LoadedCheckpoint } from "./checkpoint.js";

/** A float32 tensor that is looked for in a checkpoint. */
export interface WantedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * The values of the wanted tensors. Names that `ignored` accepts may be there beside them.
 * Throws CheckpointError listing every name that is missing, extra, of another shape or not float32.
 */
export function restoredState(
  wanted: readonly WantedTensor[],
  { tensors, path }: Pick<LoadedCheckpoint, "tensors" | "path">,
  ignored: (name: string) => boolean = () => false,
): Record<string, Float32Array> {
  const names = new Set(wanted.map(({ name }) => name));
  const problems = [
    ...wanted.filter(({ name }) => !tensors.has(name)).map(({ name }) => `missing ${name}`),
    ...[...tensors.keys()].filter((name) => !names.has(name) && !ignored(name)).map((name) => `extra ${name}`),
    ...wanted.flatMap(({ name, shape }) => {
      const found = tensors.get(name);
      if (!found || (found.shape.join() === shape.join() && found.dtype === "float32")) return [];
      const dtype = found.dtype === "float32" ? "" : `${found.dtype} `;
      return [`${name} is ${dtype}[${found.shape.join(", ")}], expected [${shape.join(", ")}]`];
    }),
  ];
  if (problems.length > 0) throw new CheckpointError(`${path} does not fit the model:\n  ${problems.join("\n  ")}`);
  return Object.fromEntries(wanted.map(({ name }) => [name, tensors.get(name)!.data as Float32Array]));
}
