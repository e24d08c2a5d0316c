/** `fovea dedup`: finds near-duplicates within a dataset and between it and test datasets. */
import { existsSync, statSync } from "node:fs";
import { z } from "zod";
import { largest } from "../text/arrays.js";
import { formatDuration, plural } from "../text/format.js";
import { backboneOrDefault, defaultBackbone } from "../weights/embedded.js";
import { command, UsageError } from "./command.js";
import { device, file, imageSize, imagesWith, natural, option, overwrite, text, threads } from "./options.js";
import * as json from "./results.js";

const kinds = ["same bytes", "same pixels", "near-duplicate", "near features"] as const;

const result = z.object({
  source: json.text,
  sets: json.list(
    z.object({
      name: json.text,
      split: json.text,
      upstream: json.flag.describe("is it the training set?"),
      images: json.number,
      remembered: json.number.describe("images whose description was in the cache"),
      broken: json.unreadable,
    }),
  ),
  pairs: z.record(z.enum(kinds), json.number).readonly(),
  compared: json.number.describe("candidate pairs that were aligned and compared"),
  leaveOut: json.list(json.text).describe("training images to exclude"),
  matchesTest: json.number.describe("how many of them are in a test set"),
  repeated: json.number.describe("how many of them repeat another training image"),
  leaked: json
    .list(z.object({ set: json.text, ids: json.list(json.text) }))
    .describe("test images that are in the training set"),
  groups: json.list(
    z.object({
      members: json.list(z.object({ set: json.text, id: json.text, className: json.text.optional() })),
      matches: json.list(
        z.object({
          a: json.number.describe("index of an image in members"),
          b: json.number.describe("index of the other image"),
          kind: z.enum(kinds),
          score: json.number,
          turn: json.text.describe("rotation or flip that relates the images"),
        }),
      ),
      leaks: json.flag.describe("has it training and test images?"),
      classes: json.list(json.text).optional().describe("the classes, where they disagree"),
    }),
  ),
  files: json.list(json.text),
  seconds: json.number,
});
type Found = z.output<typeof result>;

/** Number of groups in the text; the report shows more, the JSON document has all. */
const shownGroups = 5;

function groupLine(sets: Found["sets"], { members, matches, classes }: Found["groups"][number]): string {
  const splitOf = (name: string) => sets.find((set) => set.name === name)?.split;
  const names = members
    .slice(0, 4)
    .map(({ set, id }) => (sets.length > 1 ? `${id} (${splitOf(set)})` : id))
    .join(" = ");
  const how = [...new Set(matches.map(({ kind, turn }) => (turn === "as it is" ? kind : `${kind}, ${turn}`)))];
  return `    ${names}${members.length > 4 ? ` and ${members.length - 4} more` : ""}: ${how.join("; ")}${classes ? `; classes ${classes.join(", ")}` : ""}`;
}

function groupLines(title: string, found: Found, groups: Found["groups"]): string[] {
  if (groups.length === 0) return [];
  return [
    `  ${plural(groups.length, "group")} ${title}`,
    ...groups.slice(0, shownGroups).map((group) => groupLine(found.sets, group)),
    ...(groups.length > shownGroups ? [`    and ${groups.length - shownGroups} more`] : []),
  ];
}

const positiveShare = z.number().gt(0).max(1).optional();

export default command({
  name: "dedup",
  summary: "Find exact and near-duplicate images within a dataset and between it and test sets",
  options: {
    images: imagesWith("the training images"),
    against: option(
      z.array(text).optional().meta({ hint: "IMAGES" }),
      "Test datasets, any number (default: the other splits of the dataset)",
      { rest: true },
    ),
    split: option(text.optional(), "The training split (default: train, else the only one)"),
    distance: option(
      natural.max(16).default(8).meta({ hint: "BITS" }),
      "Compare images whose 64-bit hashes differ in at most BITS bits, in any flip or quarter turn; at most 16",
    ),
    neighbours: option(
      natural.default(6),
      "Also compare each image with this number of nearest neighbours by thumbnail similarity; 0 for none",
    ),
    crops: option(
      z.boolean().default(true),
      "Skip the search for cropped copies, which compares parts of the thumbnails; the search for neighbours is then six times faster",
    ),
    threshold: option(
      positiveShare.meta({ hint: "SCORE" }),
      "Minimum score of a near-duplicate, up to 1 (default: 0.85). Where all images are alike (clothes laid flat, hands before one wall), 0.93 finds fewer wrong pairs",
    ),
    backbone: option(
      text.optional().meta({ hint: "NETWORK" }),
      "Search neighbours by the features of this network too: any that `fovea fit` takes",
    ),
    featureCosine: option(
      positiveShare.meta({ hint: "COSINE" }),
      `Also count images as duplicates whose features (of --backbone, else ${defaultBackbone}) have at least this cosine similarity`,
    ),
    imageSize,
    exclude: option(
      file.optional(),
      "Write the training images to exclude, for IMAGES?exclude=FILE: every image found in a test set, and all but one of each other group",
      { group: "output" },
    ),
    leaked: option(
      file.optional(),
      "Write the test images found in the training set, for fovea fewshot --leaked: accuracies with and without them",
      { group: "output" },
    ),
    report: option(file.optional(), "Write an HTML page with the images of every group", { group: "output" }),
    overwrite,
    cache: option(
      z.boolean().default(true),
      "Do not keep the descriptions of images in the cache folder, from which an interrupted search resumes",
      { group: "output" },
    ),
    device,
    threads,
  },
  examples: [
    {
      run: "fovea dedup photos/ --report duplicates.html",
      does: "duplicates within a folder and between its splits, with the images",
    },
    {
      run: "fovea dedup pretraining-images/ --against cifar.tar flowers/ --exclude exclude.txt",
      does: 'a list for "pretraining-images/?exclude=exclude.txt", which has no test images and no repetitions',
    },
  ],
  stopping: "stopping after this step",
  result,
  async run({ images, ...options }, io) {
    for (const path of [options.exclude, options.leaked, options.report]) {
      if (path !== undefined && existsSync(path) && statSync(path).isDirectory()) {
        throw new UsageError(`${path} is a folder; name a file`);
      }
    }
    const { dedup } = await import("../dedup/index.js");
    const byFeatures = options.backbone !== undefined || options.featureCosine !== undefined;
    const backbone = byFeatures ? backboneOrDefault(options.backbone, io.note) : undefined;
    return await dedup(images, { ...options, ...io, backbone });
  },
  text: (found) => {
    const { sets, groups, pairs, files } = found;
    const width = largest(sets.map(({ name }) => name.length));
    return [
      ...sets.map(
        ({ name, upstream, images, broken }) =>
          `${name.padEnd(width)}  ${String(images).padStart(7)} images, ${upstream ? "training" : "test"}${broken.length > 0 ? `, ${broken.length} unreadable` : ""}`,
      ),
      "",
      `  same bytes       ${pairs["same bytes"]} pairs`,
      `  same pixels      ${pairs["same pixels"]} pairs`,
      `  near-duplicates  ${pairs["near-duplicate"]} pairs`,
      ...(pairs["near features"] > 0 ? [`  near features    ${pairs["near features"]} pairs`] : []),
      ...groupLines(
        "in the training set and in a test set",
        found,
        groups.filter(({ leaks }) => leaks),
      ),
      ...groupLines(
        "with different labels",
        found,
        groups.filter(({ classes }) => classes),
      ),
      ...groupLines(
        "other",
        found,
        groups.filter(({ leaks, classes }) => !leaks && !classes),
      ),
      "",
      `exclude ${plural(found.leaveOut.length, "training image")}: ${plural(found.matchesTest, "near-duplicate")} of test images, ${plural(found.repeated, "repetition")} of other training images`,
      ...files,
      formatDuration(found.seconds),
    ];
  },
});
