/** `fovea bench backbones`: few-shot accuracy, size and speed of several backbones on the sets of a folder. */
import { type BackbonesBench, benchBackbones as measure } from "../../benchmarks/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { plural } from "../../text/format.js";
import { markdownTable } from "../../text/table.js";
import { defineCommand } from "../command.js";
import { benchBackbones } from "../definitions.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";
import { refuseExisting } from "./network.js";

/** Always measured too: what anything learnt should beat. */
const baseline = "pixels:16";

const percent = (share: number): string => (100 * share).toFixed(1);

/** A Markdown table: a row a backbone, accuracies as "5 shots / 10 shots". */
function table({ sets, backbones }: BackbonesBench): string {
  const joined = (accuracies: readonly { readonly mean: number }[]) =>
    accuracies.map(({ mean }) => percent(mean)).join(" / ");
  const head = ["backbone", "image", "parameters", "MB", "images/s", "mean", ...sets.map(({ name }) => name)];
  const rows = backbones.map((one) => [
    `\`${one.spec}\``,
    `${one.imageShape[0]}x${one.imageShape[1]}`,
    one.parameters?.toLocaleString("en-US") ?? "",
    ((one.fileBytes ?? one.onnxBytes) / 1e6).toFixed(1),
    one.imagesPerSecond.toFixed(0),
    `**${joined(one.mean)}**`,
    ...sets.map(({ name }) => joined(one.sets[name]!)),
  ]);
  return markdownTable(head, rows);
}

export const command = defineCommand(benchBackbones, async ({ args, rest, note }) => {
  const { output } = args;
  if (output !== undefined) refuseExisting(output, args.overwrite);
  const sets = args.sets?.split(",").map((name) => name.trim().replace(/\.tar$/, ""));
  const backbones = [baseline, ...[args.backbone, ...rest].filter((spec) => spec !== baseline)];
  const twice = backbones.find((spec, i) => backbones.indexOf(spec) < i);
  if (twice !== undefined) throw new UsageError(`${twice} is given twice`);
  const found = await measure({
    backbones,
    data: args.data,
    ...(sets && { sets }),
    shots: wholeNumbers(args.shots, "shots", 1),
    seeds: wholeNumber(args.seeds, "seeds", 1),
    testImages: wholeNumber(args["test-images"], "test-images", 1),
    imageSize: wholeNumber(args["image-size"], "image-size", 1),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
    cache: args.cache,
    onProgress: note,
  });
  const { protocol } = found;
  if (output !== undefined) {
    await writeFileAtomically(output, [new TextEncoder().encode(`${JSON.stringify(found, undefined, 2)}\n`)]);
  }
  return {
    document: found,
    text: [
      table(found),
      "",
      `Accuracy in per cent of ${protocol.shots.join(" / ")} shots, mean over ${protocol.seeds} draws, on up to ${protocol.testImages} test images a set; the mean weighs every set alike. MB are those of the file, of a run as float32 ONNX; images/s on ${plural(protocol.threads, "thread")}`,
      ...(output === undefined ? [] : [output]),
    ].join("\n"),
  };
});
