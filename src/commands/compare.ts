/** `fovea compare`: few-shot accuracy, size and speed of several backbones on the datasets of a folder. */
import { z } from "zod";
import { groupDigits, inPercent, plural } from "../text/format.js";
import { markdownTable } from "../text/table.js";
import { command } from "./command.js";
import {
  anyNetwork,
  argument,
  count,
  distinct,
  file,
  folder,
  list,
  metaOf,
  option,
  overwrite,
  text,
  threads,
} from "./options.js";
import * as json from "./results.js";

const row = z.object({
  spec: json.text,
  kind: json.text,
  parameters: json.number.optional(),
  width: json.number,
  fileBytes: json.number.optional().describe("of the given file or bundled weights"),
  onnxBytes: json.number.describe("of the backbone as float32 ONNX"),
  imageShape: json.imageShape,
  preprocessing: json.text,
  imagesPerSecond: json.number,
  sets: json.record(json.list(z.object({ shots: json.number, mean: json.number, standardDeviation: json.number }))),
  mean: json.list(z.object({ shots: json.number, mean: json.number })),
});

const comparison = z.object({
  protocol: z.object({
    shots: json.list(json.number),
    seeds: json.number,
    testImages: json.number,
    threads: json.number,
  }),
  sets: json.list(z.object({ name: json.text, classes: json.number, tested: json.number.describe("test images") })),
  backbones: json.list(row),
});

/** A Markdown table with a row for each backbone; accuracies are written as "5 shots / 10 shots". */
function table({ sets, backbones }: z.output<typeof comparison>): string {
  const joined = (accuracies: readonly { readonly mean: number }[] = []) =>
    accuracies.map(({ mean }) => inPercent(mean)).join(" / ");
  const head = ["backbone", "image", "parameters", "MB", "images/s", "mean", ...sets.map(({ name }) => name)];
  const rows = backbones.map((one) => [
    `\`${one.spec}\``,
    `${one.imageShape[0]}x${one.imageShape[1]}`,
    one.parameters === undefined ? "" : groupDigits(one.parameters),
    ((one.fileBytes ?? one.onnxBytes) / 1e6).toFixed(1),
    one.imagesPerSecond.toFixed(0),
    `**${joined(one.mean)}**`,
    ...sets.map(({ name }) => joined(one.sets[name])),
  ]);
  return markdownTable(head, rows);
}

export default command({
  name: "compare",
  summary: "Compare several backbones: few-shot accuracy on all datasets of a folder, size, speed",
  options: {
    networks: argument(distinct(text), `Backbones, any number. ${metaOf(anyNetwork).description ?? ""}`),
    data: option(folder, "Folder of datasets: .tar files of split/class/file with the splits train and test"),
    sets: option(list(text).optional(), "Names of datasets (default: all of the folder)"),
    shots: option(list(count).optional(), "Examples of each class (default: 5,10)"),
    seeds: option(
      count.optional(),
      "Number of draws of the examples (a count: the seeds are 0 to N - 1); accuracies are means over them (default: 5)",
    ),
    testImages: option(
      count.optional(),
      "Approximate number of test images of each dataset, stratified by class (default: 600)",
    ),
    imageSize: option(
      count.optional(),
      "Input image size of ONNX files that take any size; append ?size=96 to any backbone to set its own (default: 128)",
    ),
    output: option(file.optional(), "Also write the figures as JSON", { group: "output" }),
    cache: option(
      folder.optional(),
      "Folder of results, which are used again while backbone, dataset and protocol are the same (default: runs/backbones)",
      { group: "output" },
    ),
    overwrite,
    threads,
  },
  examples: [
    {
      run: "fovea compare embedded:bit random:embedded:bit 'net.onnx?size=96' --data tars/",
      does: "a table in Markdown with the untrained network; raw pixels are always added",
    },
    {
      run: "fovea compare runs/one 'embedded:tiny?size=96' --data tars/ --sets clothing-128 --output figures.json",
      does: "one dataset, `tiny` at 96 px, results as JSON",
    },
  ],
  result: comparison,
  async run({ networks, ...options }, { note }) {
    const { compare } = await import("../benchmarks/index.js");
    return await compare(networks, { ...options, note });
  },
  text: (found, { output }) => [
    table(found),
    "",
    `Accuracy in per cent of ${found.protocol.shots.join(" / ")} shots, mean over ${found.protocol.seeds} draws, on up to ${found.protocol.testImages} test images a dataset; every dataset has the same weight in the mean. MB are those of the file, of a run as float32 ONNX; images/s on ${plural(found.protocol.threads, "thread")}`,
    ...(output === undefined ? [] : [output]),
  ],
});
