/** Describes and checks a dataset: splits, classes, image sizes, licence files and problems. */
import { createHash } from "node:crypto";
import { decodeImage, ExampleError, imageHeader } from "../images/index.js";
import { append } from "../text/arrays.js";
import { chooseSplit, type OpenOptions, openSource, parseSpec, readSet, selected } from "./open.js";
import type { Example, ImageSource } from "./source/types.js";
import { splitSpecs } from "./views/selection.js";

/** Options of `describe`. */
export interface DescribeOptions {
  /** Describe only this split. Default: all splits. */
  readonly split?: string;
  /** Number of images decoded in each split, evenly spaced. Infinity decodes all images and searches for duplicates. Default: 64. */
  readonly sample?: number;
}

/** A problem of a dataset. Errors make results or a run wrong; warnings should be checked. */
export interface SourceProblem {
  readonly level: "error" | "warning";
  readonly text: string;
}

/** Number of sampled images with this size, channel count and format. */
export interface SizeCount {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly format: string;
  readonly count: number;
}

export interface SplitDescription {
  readonly split: string;
  readonly examples: number;
  /** Number of examples of each class, in the order of the labels. */
  readonly classes: readonly { readonly name: string; readonly examples: number }[];
  /** Number of images decoded. */
  readonly checked: number;
  readonly sizes: readonly SizeCount[];
  /** Images that could not be decoded. */
  readonly broken: readonly { readonly id: string; readonly reason: string }[];
}

export interface SourceDescription {
  readonly spec: string;
  readonly kind: string;
  readonly splits: readonly SplitDescription[];
  readonly licenceFiles: readonly string[];
  readonly problems: readonly SourceProblem[];
}

/** An example whose image is identical to an earlier one. */
interface Duplicate {
  readonly id: string;
  readonly first: string;
  readonly acrossSplits: boolean;
  readonly acrossLabels: boolean;
}

/**
 * Describes a dataset and looks for problems: unreadable images, a single class, classes without examples, and, if all images are decoded,
 * byte-identical images.
 *
 * @throws if the dataset cannot be opened, as `openSource` does.
 */
export async function describeSource(
  spec: string,
  { split, sample = 64 }: DescribeOptions = {},
): Promise<SourceDescription> {
  const { kind, splits: names, licenceFiles, open, warnings } = await readSpec(spec, { split });
  const problems: SourceProblem[] = warnings.map((text) => ({ level: "warning", text }));
  const seen = new Map<string, { id: string; split: string; label: number }>();
  const duplicates: Duplicate[] = [];
  const splits: SplitDescription[] = [];
  for (const name of names) {
    await using source = await open(name);
    // The splits of a dataset may report the same notes.
    for (const text of source.notes ?? []) {
      if (!problems.some((problem) => problem.text === text)) problems.push({ level: "warning", text });
    }
    const onExample =
      sample < source.length
        ? undefined
        : ({ id, label, image }: Example): void => {
            const hash = createHash("sha256")
              .update(image.kind === "encoded" ? image.bytes : image.data)
              .digest("base64");
            const first = seen.get(hash);
            if (!first) seen.set(hash, { id, split: name, label });
            else
              duplicates.push({
                id,
                first: first.id,
                acrossSplits: first.split !== name,
                acrossLabels: first.label !== label,
              });
          };
    splits.push(await describeSplit(source, sample, onExample));
  }
  for (const description of splits) append(problems, splitProblems(description));
  append(problems, duplicateProblems(duplicates));
  return { spec, kind, splits, licenceFiles, problems };
}

/** A spec whose splits can be opened, with its selection options applied. */
export interface ReadSpec {
  readonly kind: string;
  readonly splits: readonly string[];
  readonly licenceFiles: readonly string[];
  readonly warnings: readonly string[];
  open(split: string): Promise<ImageSource>;
}

/** Reads the splits of a spec: all, or only the requested one; for joined specs, those that all of them have. */
export async function readSpec(spec: string, { split, unlabelled = false }: OpenOptions = {}): Promise<ReadSpec> {
  const parts = splitSpecs(spec).map((part) => ({ ...parseSpec(part), unlabelled }));
  const sets = await Promise.all(parts.map(readSet));
  const [parsed, set] = [parts[0]!, sets[0]!];
  if (parts.length === 1) {
    const wanted = split ?? parsed.options["split"];
    return {
      kind: parsed.kindName,
      splits: wanted === undefined ? set.splits : [chooseSplit(spec, set.splits, wanted)],
      licenceFiles: set.licenceFiles,
      warnings: set.problems,
      open: async (name) => selected(parsed, await set.open(name)),
    };
  }
  const has = (name: string, i: number): boolean => {
    try {
      return chooseSplit(parts[i]!.spec, sets[i]!.splits, name) !== undefined;
    } catch {
      return false;
    }
  };
  const common = set.splits.filter((name) => parts.every((_, i) => has(name, i)));
  return {
    kind: parts.map(({ kindName }) => kindName).join(" + "),
    splits: split !== undefined ? [split] : common.length > 0 ? common : [set.splits[0]!],
    licenceFiles: [...new Set(sets.flatMap(({ licenceFiles }) => licenceFiles))],
    warnings: sets.flatMap(({ problems }) => problems),
    open: (name) => openSource(spec, { split: name, unlabelled }),
  };
}

/** Problems that labels alone reveal; checked before a run or an evaluation starts. */
export function labelProblems(source: Pick<ImageSource, "name" | "split" | "classNames" | "labels">): SourceProblem[] {
  const counts = countLabels(source);
  const present = counts.filter((count) => count > 0).length;
  if (present === 1) {
    const only = source.classNames[counts.findIndex((count) => count > 0)];
    return [
      {
        level: "error",
        text: `${source.split}: all ${source.labels.length} examples are of one class (${only}); a classifier needs two or more`,
      },
    ];
  }
  const empty = source.classNames.filter((_, i) => counts[i] === 0);
  return empty.length === 0 ? [] : [{ level: "warning", text: `${source.split}: no examples of ${some(empty)}` }];
}

async function describeSplit(
  source: ImageSource,
  sample: number,
  onExample?: (example: Example) => void,
): Promise<SplitDescription> {
  const checked = Math.min(sample, source.length);
  const sizes = new Map<string, SizeCount>();
  const broken: { id: string; reason: string }[] = [];
  for (let i = 0; i < checked; i++) {
    try {
      const example = await source.get(Math.floor((i * source.length) / checked));
      onExample?.(example);
      // The header has the size; only decoding the whole image shows whether it is damaged.
      const header = await imageHeader(example.image, example.id);
      await decodeImage(example.image, example.id);
      const key = JSON.stringify(header);
      sizes.set(key, { ...header, count: (sizes.get(key)?.count ?? 0) + 1 });
    } catch (error) {
      if (!(error instanceof ExampleError)) throw error;
      broken.push({ id: error.id, reason: error.reason });
    }
  }
  const counts = countLabels(source);
  return {
    split: source.split,
    examples: source.length,
    classes: source.classNames.map((name, i) => ({ name, examples: counts[i]! })),
    checked,
    sizes: [...sizes.values()].sort((a, b) => b.count - a.count),
    broken,
  };
}

function splitProblems({ split, classes, checked, sizes, broken }: SplitDescription): SourceProblem[] {
  const problems: SourceProblem[] = broken.map(({ id, reason }) => ({ level: "error", text: `${id}: ${reason}` }));
  const labels = Int32Array.from(classes.flatMap(({ examples }, label) => new Array<number>(examples).fill(label)));
  append(problems, labelProblems({ name: split, split, classNames: classes.map(({ name }) => name), labels }));
  const tiny = sizes.filter(({ height, width }) => Math.min(height, width) < 8);
  if (tiny.length > 0) {
    const count = tiny.reduce((sum, size) => sum + size.count, 0);
    problems.push({ level: "warning", text: `${split}: ${count} of ${checked} images have a side below 8 pixels` });
  }
  return problems;
}

function duplicateProblems(duplicates: readonly Duplicate[]): SourceProblem[] {
  const problems: SourceProblem[] = [];
  const add = (level: SourceProblem["level"], list: readonly Duplicate[], what: string): void => {
    if (list.length === 0) return;
    const examples = list.slice(0, 3).map(({ id, first }) => `${id} = ${first}`);
    problems.push({ level, text: `${list.length} image(s) ${what}: ${some(examples, list.length)}` });
  };
  add(
    "error",
    duplicates.filter((d) => d.acrossLabels),
    "are the same to the byte as one with another label",
  );
  add(
    "error",
    duplicates.filter((d) => d.acrossSplits && !d.acrossLabels),
    "are the same to the byte as one in another split",
  );
  add(
    "warning",
    duplicates.filter((d) => !d.acrossSplits && !d.acrossLabels),
    "are in their split more than once",
  );
  return problems;
}

function countLabels({ classNames, labels }: Pick<ImageSource, "classNames" | "labels">): number[] {
  const counts = new Array<number>(classNames.length).fill(0);
  for (const label of labels) counts[label]!++;
  return counts;
}

function some(list: readonly string[], total = list.length): string {
  const shown = list.slice(0, 5);
  return shown.join(", ") + (total > shown.length ? ` and ${total - shown.length} more` : "");
}
