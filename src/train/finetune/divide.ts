/** Divides a source for fine-tuning into training and test images, as specs that a recipe can contain. */
import { join } from "node:path";
import { type ImageSource, openSource, parseSpec, splitSpecs } from "../../data/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { permutation } from "../../random/keyed.js";
import { plural } from "../../text/format.js";
import { typicalImageSize } from "./backbone.js";
import { TransferError } from "./method.js";
import type { SourcePart } from "./recipe.js";
import type { RuleData } from "./rule.js";

export interface DivideOptions {
  readonly source: string;
  /** Images to evaluate on. Default: the source's test split, otherwise a held-out part. */
  readonly test?: string;
  /** The fraction of every class that is held out if there is no test split; 0: none. */
  readonly holdOut: number;
  /** Training examples per class. Default: all. */
  readonly shots?: number;
  /** Seed that chooses the held-out examples and the shots. */
  readonly seed: number;
  /** Folder in which lists of the images are written, as `train-images.txt` and `test-images.txt`. */
  readonly folder: string;
  /** Whether the lists already exist, from the run that is resumed. */
  readonly written?: boolean;
}

export interface DividedSource {
  readonly train: SourcePart;
  readonly evaluation: SourcePart | undefined;
  /** Images in the held-out part. */
  readonly heldOut: number;
  /** The data that a rule depends on. */
  readonly data: Pick<RuleData, "examples" | "imageSize">;
}

/**
 * Divides a source. Held-out or sampled images are listed in files, which the specs refer to (`?include=FILE`), so that
 * the recipe is complete and the test images can be looked up. Throws TransferError when a class has too few images, or
 * when sampling from a spec of several sources.
 */
export async function divideSource(options: DivideOptions): Promise<DividedSource> {
  const { source, test, holdOut, shots, seed, folder, written } = options;
  if (!(holdOut >= 0 && holdOut < 1))
    throw new TransferError(`the held-out fraction is ${holdOut}; expected a number from 0 to below 1, such as 0.2`);
  await using whole = await openSource(source);
  const given = test !== undefined ? { source: test } : await testSplit(source);
  const held = given || holdOut === 0 ? new Set<number>() : heldOutOf(whole, holdOut, seed);
  let kept = Array.from({ length: whole.length }, (_, i) => i).filter((i) => !held.has(i));
  if (shots !== undefined) kept = shotsOf(whole, kept, shots, seed);
  const data = { examples: kept.length, imageSize: await typicalImageSize(whole) };
  if (kept.length === whole.length) return { train: { source }, evaluation: given, heldOut: 0, data };
  if (splitSpecs(source).length > 1)
    throw new TransferError(
      `"${source}" has several sources, and images can only be sampled from one; give a test set with --test, and write take=n&balanced=true after each source`,
    );
  const list = async (name: string, indices: Iterable<number>): Promise<SourcePart> => {
    const path = join(folder, name);
    if (!written) await writeIds(path, whole, indices);
    return { source: withList(source, path) };
  };
  const train = await list("train-images.txt", kept);
  const evaluation =
    held.size === 0
      ? given
      : await list(
          "test-images.txt",
          [...held].sort((a, b) => a - b),
        );
  return { train, evaluation, heldOut: held.size, data };
}

/** The test split of a source, if it has one. */
async function testSplit(source: string): Promise<SourcePart | undefined> {
  if (/[?&]split=/.test(source)) return undefined;
  try {
    await (await openSource(source, { split: "test" })).close();
    return { source, split: "test" };
  } catch {
    // the source itself can be opened, so it has no such split
    return undefined;
  }
}

/** Indices of the examples of each class, by label. */
function membersOf({ classNames, labels }: ImageSource, indices: Iterable<number>): number[][] {
  const members: number[][] = classNames.map(() => []);
  for (const i of indices) members[labels[i]!]!.push(i);
  return members;
}

/** Chooses a fraction of every class, at least one example and at most all but one. */
function heldOutOf(source: ImageSource, share: number, seed: number): Set<number> {
  const held = membersOf(source, source.labels.keys()).flatMap((members, label) => {
    if (members.length < 2)
      throw new TransferError(
        `class "${source.classNames[label]}" of ${source.name} has ${plural(members.length, "image")}, too few to hold out any; add images, give a test set with --test, or hold none out with --holdout 0`,
      );
    const count = Math.min(members.length - 1, Math.max(1, Math.round(share * members.length)));
    return Array.from(permutation(members.length, "held out", seed, label).subarray(0, count), (i) => members[i]!);
  });
  return new Set(held);
}

/** Chooses `shots` examples of every class, in the order of the source. */
function shotsOf(source: ImageSource, indices: readonly number[], shots: number, seed: number): number[] {
  return membersOf(source, indices)
    .flatMap((members, label) => {
      if (members.length < shots)
        throw new TransferError(
          `class "${source.classNames[label]}" of ${source.name} has ${members.length} images to train on, fewer than ${shots} shots`,
        );
      return Array.from(permutation(members.length, "shots", seed, label).subarray(0, shots), (i) => members[i]!);
    })
    .sort((a, b) => a - b);
}

async function writeIds(path: string, source: ImageSource, indices: Iterable<number>): Promise<void> {
  const ids: string[] = [];
  for (const index of indices) ids.push(source.idOf?.(index) ?? (await source.get(index)).id);
  makeFolder(join(path, ".."));
  await writeFileAtomically(path, [Buffer.from(`${ids.join("\n")}\n`)]);
}

/** The spec restricted to the examples of a list, which are numbered after its own selection. */
function withList(spec: string, path: string): string {
  const { options } = parseSpec(spec);
  const own = Object.entries(options);
  const base = own.length === 0 ? spec : spec.slice(0, spec.lastIndexOf("?"));
  const selecting = ["include", "exclude", "take", "balanced"];
  const all = [...own.filter(([name]) => !selecting.includes(name)), ["include", path] as const];
  const written = (value: string) => encodeURIComponent(value).replaceAll("%2F", "/").replaceAll("%2C", ",");
  return `${base}?${all.map(([name, value]) => `${name}=${written(value)}`).join("&")}`;
}
