/** `fovea dedup`: images that are there twice, within a set and between it and the sets it is judged by. */

import { existsSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { chooseSplit, type ImageSource, readSpec } from "../../data/index.js";
import {
  type DescribedSet,
  type DuplicateGroup,
  describeSet,
  duplicatesPage,
  type FeatureRows,
  findDuplicates,
  rowsInMemory,
  type SetRole,
  type Summary,
  summarise,
  turns,
} from "../../dedup/index.js";
import { makeFolder } from "../../files/folder.js";
import { imageFeatures } from "../../networks/index.js";
import { largest } from "../../text/arrays.js";
import { formatDuration } from "../../text/format.js";
import { startProgress } from "../../text/progress.js";
import { defineCommand } from "../command.js";
import { dedup } from "../definitions.js";
import { interruption } from "../interrupt.js";
import { UsageError, wholeNumber } from "../words.js";
import {
  type BackboneArguments,
  badLines,
  openFeatures,
  refuseExisting,
  usualBackbone,
  withProgress,
} from "./network.js";

/** A source that is open, and whether it is to be trained on. */
interface OpenedRole {
  readonly source: ImageSource;
  readonly name: string;
  readonly upstream: boolean;
}

/** Opens the upstream set and the tests: those given, or else the other splits of the upstream set. */
async function openRoles(upstream: string, tests: readonly string[], split: string | undefined): Promise<OpenedRole[]> {
  const roles: OpenedRole[] = [];
  const add = (spec: string, source: ImageSource, isUpstream: boolean): void => {
    roles.push({ source, name: `${spec} (${source.split})`, upstream: isUpstream });
  };
  try {
    const set = await readSpec(upstream, { unlabelled: true });
    const chosen = chooseSplit(upstream, set.splits, split);
    add(upstream, await set.open(chosen), true);
    if (tests.length === 0) {
      for (const other of set.splits) if (other !== chosen) add(upstream, await set.open(other), false);
    }
    for (const spec of tests) {
      const test = await readSpec(spec, { unlabelled: true });
      for (const one of test.splits) {
        if (spec === upstream && one === chosen) continue;
        add(spec, await test.open(one), false);
      }
    }
    return roles;
  } catch (error) {
    for (const { source } of roles) await source.close();
    throw error;
  }
}

/** Groups named in the text; the report has pictures of more, the JSON document all. */
const shownGroups = 5;

function groupLine(sets: readonly SetRole[], { members, matches, conflict }: DuplicateGroup): string {
  const several = sets.length > 1;
  const names = members
    .slice(0, 4)
    .map(({ set, id }) => (several ? `${id} (${sets[set]!.set.source.split})` : id))
    .join(" = ");
  const kinds = [...new Set(matches.map(({ kind, turn }) => (turn === 0 ? kind : `${kind}, ${turns[turn]!.name}`)))];
  return `    ${names}${members.length > 4 ? ` and ${members.length - 4} more` : ""}: ${kinds.join("; ")}${conflict ? `; classes ${conflict.join(", ")}` : ""}`;
}

function textOf(summary: Summary, files: readonly string[], seconds: number): string {
  const { sets, groups, pairs } = summary;
  const listed = (title: string, list: readonly DuplicateGroup[]): string[] =>
    list.length === 0
      ? []
      : [
          `  ${list.length} ${list.length === 1 ? "group" : "groups"} ${title}`,
          ...list.slice(0, shownGroups).map((group) => groupLine(sets, group)),
          ...(list.length > shownGroups ? [`    and ${list.length - shownGroups} more`] : []),
        ];
  const width = largest(sets.map(({ name }) => name.length));
  return [
    ...sets.map(
      ({ name, upstream, set }) =>
        `${name.padEnd(width)}  ${String(set.ids.length).padStart(7)} images, ${upstream ? "trained on" : "test"}${set.broken.length > 0 ? `, ${set.broken.length} unreadable` : ""}`,
    ),
    "",
    `  same bytes       ${pairs["same bytes"]} pairs`,
    `  same pixels      ${pairs["same pixels"]} pairs`,
    `  near-duplicates  ${pairs["near-duplicate"]} pairs`,
    ...(pairs["near features"] > 0 ? [`  near features    ${pairs["near features"]} pairs`] : []),
    ...listed(
      "in training and in a test",
      groups.filter(({ leaks }) => leaks),
    ),
    ...listed(
      "with labels that disagree",
      groups.filter(({ conflict }) => conflict),
    ),
    ...listed(
      "else",
      groups.filter(({ leaks, conflict }) => !leaks && !conflict),
    ),
    "",
    `leave out ${summary.leaveOut.length} of the images trained on: ${summary.matchesTest} that a test has, ${summary.repeated} repeated`,
    ...files,
    formatDuration(seconds),
  ].join("\n");
}

async function writeText(file: string, lines: readonly string[]): Promise<void> {
  makeFolder(dirname(file));
  await writeFile(file, lines.map((line) => `${line}\n`).join(""));
}

const share = (text: string, flag: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 1))
    throw new UsageError(`--${flag}: "${text}" is not a number above 0 and up to 1`);
  return value;
};

export const command = defineCommand(dedup, async ({ args, rest, json, note }) => {
  const started = performance.now();
  if (rest.length > 0 && args.against === undefined)
    throw new UsageError(`"${rest[0]}" is one word too many; name test sets after --against`);
  const tests = args.against === undefined ? [] : [args.against, ...rest];
  const distance = wholeNumber(args.distance, "distance");
  if (distance > 16) throw new UsageError("--distance: hashes that differ in more than 16 of 64 bits say nothing");
  const spec = args.backbone ?? (args["feature-cosine"] === undefined ? undefined : usualBackbone(note));
  const options = {
    distance,
    neighbours: wholeNumber(args.neighbours, "neighbours"),
    crops: args.crops !== false,
    ...(args["feature-cosine"] !== undefined && {
      featureCosine: share(args["feature-cosine"], "feature-cosine"),
    }),
    ...(args.threshold !== undefined && { threshold: share(args.threshold, "threshold") }),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
  };
  for (const file of [args.exclude, args.leaked, args.report]) {
    if (file === undefined) continue;
    if (existsSync(file) && statSync(file).isDirectory()) throw new UsageError(`${file} is a folder; name a file`);
    refuseExisting(file, args.overwrite);
  }
  const roles = await openRoles(args.source, tests, args.split);
  const described: DescribedSet[] = [];
  const { signal, release } = interruption(note);
  try {
    const sets: SetRole[] = [];
    for (const { source, name, upstream } of roles) {
      for (const text of source.notes ?? []) note(text);
      const set = await withProgress(source.length, json, (onProgress) =>
        describeSet(source, { remember: args.cache !== false, onProgress, signal }),
      );
      described.push(set);
      sets.push({ set, name, upstream });
      for (const line of badLines(set.broken)) note(line);
    }
    const images = described.reduce((sum, { readable }) => sum + readable.reduce((n, one) => n + one, 0), 0);
    if (images === 0) throw new Error(`None of the images of ${roles.map(({ name }) => name).join(", ")} can be read.`);
    const features = spec === undefined ? undefined : await networkFeatures(spec, args, described, json, note);
    const summary = summarise(
      sets,
      await searched(described, { ...options, ...(features && { features }), signal }, json),
    );
    const files: string[] = [];
    if (args.exclude !== undefined) {
      await writeText(args.exclude, summary.leaveOut);
      const joint = args.source.includes("?") ? "&" : "?";
      files.push(`${args.exclude}: train with "${args.source}${joint}exclude=${args.exclude}"`);
    }
    if (args.leaked !== undefined) {
      await writeText(
        args.leaked,
        summary.leaked.flatMap(({ ids }) => ids),
      );
      files.push(
        `${args.leaked}: test images that training has; fovea fewshot ... --leaked ${args.leaked} scores with and without them`,
      );
    }
    if (args.report !== undefined) {
      const page = await duplicatesPage(summary, {
        title: `Near-duplicates of ${args.source}`,
        command: `fovea dedup ${[args.source, ...(tests.length > 0 ? ["--against", ...tests] : [])].join(" ")}`,
      });
      makeFolder(dirname(args.report));
      await writeFile(args.report, page);
      files.push(`${args.report}: the pictures`);
    }
    const seconds = (performance.now() - started) / 1000;
    return { document: documentOf(summary, seconds), text: textOf(summary, files, seconds) };
  } finally {
    release();
    for (const set of described) await set.close();
    for (const { source } of roles) await source.close();
  }
});

/** The features of all images by a backbone, set after set; zeros where an image cannot be read. */
async function networkFeatures(
  spec: string,
  args: BackboneArguments,
  sets: readonly DescribedSet[],
  json: boolean,
  note: (text: string) => void,
): Promise<FeatureRows> {
  const backbone = await openFeatures(spec, args, note);
  try {
    const { width } = backbone;
    const images = sets.reduce((sum, { ids }) => sum + ids.length, 0);
    const data = new Float32Array(images * width);
    let offset = 0;
    for (const { source } of sets) {
      const { features, indices } = await withProgress(source.length, json, (onProgress) =>
        imageFeatures(backbone, source, { maxBadFraction: 1, onProgress }),
      );
      for (const [row, index] of indices.entries())
        data.set(features.data.subarray(row * width, (row + 1) * width), (offset + index) * width);
      offset += source.length;
    }
    return rowsInMemory(data, images, width);
  } finally {
    await backbone.close();
  }
}

/** The search, each stage of it with a progress line of its own. */
async function searched(
  sets: readonly DescribedSet[],
  options: Parameters<typeof findDuplicates>[1],
  silent: boolean,
): Promise<Awaited<ReturnType<typeof findDuplicates>>> {
  let stage = "";
  let progress: ReturnType<typeof startProgress> | undefined;
  try {
    return await findDuplicates(sets, {
      ...options,
      onProgress: (name, done) => {
        if (name !== stage) {
          progress?.finish();
          stage = name;
          progress = startProgress({ total: 1000, unit: name, silent });
        }
        progress!.update(Math.floor(1000 * done));
      },
    });
  } finally {
    progress?.finish();
  }
}

function documentOf(summary: Summary, seconds: number) {
  const { sets, groups, pairs, compared, leaveOut, matchesTest, repeated, leaked } = summary;
  return {
    sets: sets.map(({ name, upstream, set }) => ({
      name,
      upstream,
      images: set.ids.length,
      remembered: set.remembered,
      broken: set.broken.map(({ id, reason }) => ({ id, reason })),
    })),
    pairs,
    compared,
    leaveOut,
    matchesTest,
    repeated,
    leaked,
    groups: groups.map(({ members, matches, leaks, conflict }) => ({
      members: members.map(({ set, id, className }) => ({ set: sets[set]!.name, id, className })),
      matches: matches.map(({ turn, ...match }) => ({ ...match, turn: turns[turn]!.name })),
      leaks,
      ...(conflict && { classes: conflict }),
    })),
    seconds,
  };
}
