/** Writes the report of near-duplicates: an HTML page with the images of every group side by side. */

import { decodeResize, encodeJpeg, type RawImage } from "../images/index.js";
import {
  collapsible,
  encodedUri,
  heading,
  htmlReport,
  type Markup,
  paragraph,
  pictureGrid,
  type Section,
  table,
  tiles,
  warning,
} from "../report/index.js";
import { groupDigits, plural } from "../text/format.js";
import { turns } from "./describe/turns.js";
import type { DuplicateGroup, Member, Summary } from "./summary.js";

export interface PageOptions {
  readonly title: string;
  /** The command line that wrote the report. */
  readonly command: string;
  /** Maximum number of groups with images in each section; the others are only counted. Default: 100. */
  readonly shown?: number;
}

/** Side of a thumbnail in pixels and its JPEG quality: about 4 kB each. */
const pictureSide = 128;
const pictureQuality = 80;
/** Maximum number of images shown of a group. */
const shownMembers = 12;

const count = (n: number, one: string, many?: string): string => plural(n, one, many, groupDigits);

/** Builds the page; reads the images that it shows. */
export async function duplicatesPage(summary: Summary, { title, command, shown = 100 }: PageOptions): Promise<string> {
  const { groups, pairs, sets } = summary;
  const leaking = groups.filter(({ leaks }) => leaks);
  const disagreeing = groups.filter(({ leaks, conflict }) => !leaks && conflict);
  const others = groups.filter(({ leaks, conflict }) => !leaks && !conflict);
  const sections: Section[] = [];
  const add = async (name: string, explanation: string, list: readonly DuplicateGroup[]): Promise<void> => {
    if (list.length === 0) return;
    const content: Markup[] = [paragraph(explanation)];
    for (const group of list.slice(0, shown)) content.push(await groupMarkup(summary, group));
    if (list.length > shown) content.push(paragraph(`And ${count(list.length - shown, "more group")}.`));
    sections.push({ title: name, content });
  };
  await add(
    "In the training set and in a test set",
    "Leaked test images, which the training set contains too: training on them makes the test accuracy too high. The least certain groups come first.",
    leaking,
  );
  await add(
    "Different labels",
    "The same image with labels of several classes: at most one of them is right, unless the image shows several things.",
    disagreeing,
  );
  await add("Repeated within a dataset", "The least certain groups come first.", others);
  sections.push({
    title: "Datasets",
    content: [
      table(
        [
          { title: "Dataset" },
          { title: "Role" },
          { title: "Images", numeric: true },
          { title: "Unreadable", numeric: true },
        ],
        sets.map(({ name, upstream, set }) => [
          name,
          upstream ? "training" : "test",
          set.ids.length,
          set.broken.length,
        ]),
      ),
      ...sets.flatMap(({ set, name }) =>
        set.broken.length === 0
          ? []
          : [
              collapsible(
                `${count(set.broken.length, "image")} of ${name} could not be read`,
                ...set.broken.map(({ id, reason }) => paragraph(`${id}: ${reason}`)),
              ),
            ],
      ),
    ],
  });
  const found = Object.values(pairs).reduce((sum, n) => sum + n, 0);
  return htmlReport({
    title,
    lead:
      groups.length === 0
        ? "No near-duplicates."
        : `${count(groups.length, "group")} of near-duplicates, by ${count(found, "pair")}.`,
    summary: [
      tiles([
        { label: "Same bytes", value: String(pairs["same bytes"]), detail: "pairs" },
        { label: "Same pixels", value: String(pairs["same pixels"]), detail: "pairs, in other files" },
        { label: "Near-duplicates", value: String(pairs["near-duplicate"]), detail: "pairs" },
        ...(pairs["near features"] > 0
          ? [{ label: "Near features", value: String(pairs["near features"]), detail: "pairs, by a network alone" }]
          : []),
        { label: "To exclude", value: String(summary.leaveOut.length), detail: "training images" },
      ]),
      ...(leaking.length > 0
        ? [warning(`${count(leaking.length, "group contains", "groups contain")} both training and test images.`)]
        : []),
    ],
    sections,
    footer: [paragraph(command)],
  });
}

async function groupMarkup(summary: Summary, { members, matches, conflict }: DuplicateGroup): Promise<Markup> {
  const pictures = [];
  for (const [place, member] of members.slice(0, shownMembers).entries()) {
    const { name } = summary.sets[member.set]!;
    // Show the match with an earlier member that has the highest score.
    const match = matches.filter(({ b }) => b === place).sort((x, y) => y.score - x.score)[0];
    const how = match
      ? `${match.kind}${match.kind.startsWith("near") ? ` (${match.score.toFixed(2)})` : ""}${match.turn === 0 ? "" : `, ${turns[match.turn]!.name}`}`
      : "";
    pictures.push({
      source: await pictureOf(summary, member),
      alt: member.id,
      caption: [name, member.className, member.id, how].filter((text) => text !== "").join(" · "),
    });
  }
  const more = members.length - pictures.length;
  const title = conflict
    ? `${count(members.length, "image")}, classes ${conflict.join(", ")}`
    : count(members.length, "image");
  return {
    markup: [
      heading(title).markup,
      pictureGrid(pictures).markup,
      more > 0 ? paragraph(`and ${count(more, "more image")}`).markup : "",
    ].join(""),
  };
}

async function pictureOf({ sets }: Summary, { set, index, id }: Member): Promise<string> {
  const { source } = sets[set]!.set;
  const { image } = await source.get(index);
  return encodedUri(
    await encodeJpeg((await decodeResize(image, id, pictureSide, pictureSide)) as RawImage, pictureQuality),
  );
}
