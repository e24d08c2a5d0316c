/** `fovea data`: what a source of images holds, and what is wrong with it. */
import { writeFile } from "node:fs/promises";
import { describeSource, openSource, type SourceDescription } from "../../data/index.js";
import { largest } from "../../text/arrays.js";
import { augmentationSheet } from "../augmentation-sheet.js";
import { type CommandResult, defineCommand } from "../command.js";
import { data } from "../definitions.js";

type Split = SourceDescription["splits"][number];

/** Lists stop here in the text; the JSON document has everything. */
const listed = 20;

const count = (n: number) => n.toLocaleString("en-US");

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = largest([0, ...rows.map(([left]) => left.length)]);
  const figures = largest([0, ...rows.map(([, right]) => right.length)]);
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right.padStart(figures)}`);
}

function shortened(lines: readonly string[]): string[] {
  return lines.length <= listed + 1
    ? [...lines]
    : [...lines.slice(0, listed), `  ... and ${count(lines.length - listed)} more`];
}

function describeSplit({ split, examples, classes, checked, sizes, broken }: Split): string {
  const sizeRows = sizes.map(({ height, width, channels, format, count: n }) => {
    const colour = channels === 1 ? "grey" : channels === 3 ? "colour" : `${channels} channels`;
    return [`${width} x ${height} ${colour}, ${format}`, count(n)] as const;
  });
  return [
    `${split}: ${count(examples)} images of ${count(classes.length)} classes`,
    ...shortened(columns(classes.map(({ name, examples: n }) => [name, count(n)] as const))),
    `  ${checked === examples ? "all" : `${count(checked)} of them`} decoded${broken.length > 0 ? `, ${count(broken.length)} broken` : ""}`,
    ...shortened(columns(sizeRows)),
  ].join("\n");
}

/** The description as text and as the document itself; failed when it found an error. */
export function dataResult(description: SourceDescription): CommandResult {
  const { spec, kind, splits, licenceFiles, problems } = description;
  const found = problems.map(({ level, text }) => `  ${level}: ${text}`);
  const parts = [
    `${spec} (${kind})${licenceFiles.length > 0 ? `\nlicence: ${licenceFiles.join(", ")}` : ""}`,
    ...splits.map(describeSplit),
    found.length > 0 ? ["problems", ...shortened(found)].join("\n") : "no problems found",
  ];
  return { document: description, text: parts.join("\n\n"), failed: problems.some(({ level }) => level === "error") };
}

/** Writes the page of augmentations of the first image of the split (train unless given). */
async function writeSheet(spec: string, split: string | undefined, file: string): Promise<void> {
  const source = await openSource(spec, split === undefined ? {} : { split });
  try {
    const { image, id } = await source.get(0);
    await writeFile(file, await augmentationSheet(image, id));
  } finally {
    await source.close();
  }
}

export const command = defineCommand(data, async ({ args }) => {
  const description = await describeSource(args.source, {
    ...(args.split !== undefined && { split: args.split }),
    ...(args.check && { sample: Number.POSITIVE_INFINITY }),
  });
  const result = dataResult(description);
  const file = args.augmentations;
  if (file === undefined) return result;
  await writeSheet(args.source, args.split ?? description.splits[0]?.split, file);
  return {
    ...result,
    document: { ...description, augmentations: file },
    text: `${result.text}\n\naugmentations of its first image: ${file}`,
  };
});
