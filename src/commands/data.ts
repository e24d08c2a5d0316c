/** `fovea data`: describes a dataset and reports what is wrong with it. */
import { z } from "zod";
import { groupDigits } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { file, flag, images, option, text } from "./options.js";
import * as json from "./results.js";

const split = z.object({
  split: json.text,
  examples: json.number,
  classes: json.list(z.object({ name: json.text, examples: json.number })),
  checked: json.number.describe("images that were decoded"),
  sizes: json.list(
    z.object({
      height: json.number,
      width: json.number,
      channels: json.number,
      format: json.text,
      count: json.number,
    }),
  ),
  broken: json.unreadable,
});

const description = z.object({
  spec: json.text,
  kind: json.text,
  splits: json.list(split),
  licenceFiles: json.list(json.text),
  problems: json.list(z.object({ level: z.enum(["error", "warning"]), text: json.text })),
  augmentations: json.text.optional().describe("the page of augmentations"),
});

/** Maximum number of lines of a list in the text; the JSON document has all. */
const listed = 20;

const indented = (rows: readonly (readonly [string, string])[]) => columns(rows).map((line) => `  ${line}`);

function shortened(lines: readonly string[]): string[] {
  return lines.length <= listed + 1
    ? [...lines]
    : [...lines.slice(0, listed), `  ... and ${groupDigits(lines.length - listed)} more`];
}

function splitText({
  split,
  examples,
  classes,
  checked,
  sizes,
  broken,
}: z.output<typeof description>["splits"][number]) {
  const sizeRows = sizes.map(({ height, width, channels, format, count: n }) => {
    const colour = channels === 1 ? "grey" : channels === 3 ? "colour" : `${channels} channels`;
    return [`${width} x ${height} ${colour}, ${format}`, groupDigits(n)] as const;
  });
  return [
    `${split}: ${groupDigits(examples)} images of ${groupDigits(classes.length)} classes`,
    ...shortened(indented(classes.map(({ name, examples: n }) => [name, groupDigits(n)] as const))),
    `  ${checked === examples ? "all" : `${groupDigits(checked)} of them`} decoded${broken.length > 0 ? `, ${groupDigits(broken.length)} broken` : ""}`,
    ...shortened(indented(sizeRows)),
  ].join("\n");
}

export default command({
  name: "data",
  summary: "Describe a dataset, and check that its images can be read",
  options: {
    images,
    split: option(text.optional(), "Split to describe (default: every split)"),
    check: option(flag, "Decode every image, not only 64 of each split, and search for images with the same bytes"),
    augmentations: option(
      file.optional(),
      "Also write an HTML page that shows every augmentation at several strengths on the first image",
      { group: "output" },
    ),
  },
  examples: [
    { run: "fovea data photos/", does: "splits, classes, image sizes and problems of a folder" },
    { run: "fovea data photos.tar --split test --check", does: "every image of a split; exits 1 when one is broken" },
    { run: 'fovea data "generated:shapes?label=count" --json', does: "a generated dataset, as JSON" },
    { run: "fovea data photos/ --augmentations sheet.html", does: "how RandAugment and others change the first photo" },
    {
      run: 'fovea data "generated:fractals?categories=10&instances=100"',
      does: "fractals after FractalDB, each class an iterated function system; an unknown option prints the list of options",
    },
  ],
  result: description,
  async run({ images, split, check, augmentations }) {
    const { describeSource } = await import("../data/index.js");
    const sample = check ? { sample: Number.POSITIVE_INFINITY } : {};
    const found = await describeSource(images, { split, ...sample });
    if (augmentations === undefined) return found;
    const { writeAugmentations } = await import("../analysis/index.js");
    await writeAugmentations(images, augmentations, { split: split ?? found.splits[0]?.split });
    return { ...found, augmentations };
  },
  text: ({ spec, kind, splits, licenceFiles, problems, augmentations }) => {
    const found = problems.map(({ level, text }) => `  ${level}: ${text}`);
    return [
      `${spec} (${kind})${licenceFiles.length > 0 ? `\nlicence: ${licenceFiles.join(", ")}` : ""}`,
      ...splits.map(splitText),
      found.length > 0 ? ["problems", ...shortened(found)].join("\n") : "no problems found",
      ...(augmentations === undefined ? [] : [`augmentations of its first image: ${augmentations}`]),
    ].join("\n\n");
  },
  failed: ({ problems }) => problems.some(({ level }) => level === "error"),
});
