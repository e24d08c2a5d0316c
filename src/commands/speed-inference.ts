/** `fovea speed inference`: exported networks compared with the graphs that converters usually write. */
import { z } from "zod";
import { formatCount, percent, plural } from "../text/format.js";
import { command } from "./command.js";
import { count, list, option, text, threads } from "./options.js";
import * as json from "./results.js";

const rates = z.object({
  plain: json.number.optional().describe("images/s of the converter's graph"),
  float32: json.number,
  plainOperators: json.number,
  float16: json.number,
  int8: json.number,
  ratio: json.number.optional(),
  ratioInt8: json.number,
  ratioFloat16: json.number,
});

const bench = z.object({
  model: json.text,
  imageSize: z.tuple([json.number, json.number]).readonly(),
  parameters: json.number,
  threads: json.number,
  rounds: json.number,
  difference: json.number.optional().describe("largest difference from the converter's logits"),
  agreement: z.object({
    images: json.number,
    source: json.text,
    float16: json.number,
    int8: json.number,
    accuracy: z.object({ float32: json.number, float16: json.number, int8: json.number }),
  }),
  batches: json.record(rates),
});

function benchText(one: z.output<typeof bench>): string {
  const { agreement } = one;
  const rate = (value: number) => value.toFixed(1).padStart(8);
  const factor = (value: number) => `${value.toFixed(2)}x`.padStart(8);
  const lines = Object.entries(one.batches).flatMap(([batch, found]) => [
    `  batch ${batch}, images/s`,
    ...(found.plain === undefined ? [] : [`    as converters write it   ${rate(found.plain)}`]),
    `    exported                 ${rate(found.float32)}${found.ratio === undefined ? "" : ` ${factor(found.ratio)} of the converter's`}`,
    `    in plain operators       ${rate(found.plainOperators)}`,
    `    float16 weights          ${rate(found.float16)} ${factor(found.ratioFloat16)} of float32`,
    `    8-bit weights            ${rate(found.int8)} ${factor(found.ratioInt8)} of float32`,
  ]);
  return [
    `${one.model}, ${one.imageSize.join(" x ")} px, ${formatCount(one.parameters)} parameters, ${plural(one.threads, "thread")}`,
    ...lines,
    ...(one.difference === undefined
      ? []
      : [`  largest difference from the converter's logits ${one.difference.toExponential(1)}`]),
    `  same top-1 class as float32, ${agreement.images} images of ${agreement.source}: float16 ${percent(agreement.float16)}, 8-bit ${percent(agreement.int8)}`,
    `  accuracy: float32 ${percent(agreement.accuracy.float32)}, float16 ${percent(agreement.accuracy.float16)}, 8-bit ${percent(agreement.accuracy.int8)}`,
  ].join("\n");
}

export default command({
  name: "speed inference",
  summary: "Compare the speed of exports with converters' graphs, and int8 with float32 weights",
  options: {
    models: option(
      list(text.min(1)).default(["S/16", "B/16", "R50x1"]),
      "Names of networks of any family, with random weights",
    ),
    network: option(
      text.optional().meta({ hint: "NETWORK" }),
      "Instead, a trained network: run folder, checkpoint or published weights",
    ),
    batches: option(list(count).default([1, 8]), "Batch sizes"),
    rounds: option(count.default(7), "Number of runs of each export, in turn"),
    imageSize: option(count.default(224), "Input image size of --models"),
    images: option(count.default(40), "Number of real images on which the exports are compared"),
    source: option(
      text.default("embedded:clothing").meta({ hint: "IMAGES" }),
      "Where the real images come from; splits train and test are read",
    ),
    threads,
  },
  examples: [
    { run: "fovea speed inference --json", does: "images a second of each form, ratios and agreement, as JSON" },
    { run: "fovea speed inference --models S/16 --batches 1 --rounds 20", does: "one model, one batch size" },
    {
      run: "fovea speed inference --network runs/one --source embedded:fashion --images 1000",
      does: "a trained network on real images",
    },
  ],
  result: z.object({
    machine: z.object({ integerRate: json.number.describe("speed of 8-bit over float32 matrix products") }),
    models: json.record(bench),
  }),
  async run(options, { note }) {
    const { speedInference } = await import("../speed/index.js");
    return await speedInference({ ...options, onProgress: note });
  },
  text: ({ machine, models }) =>
    [
      ...Object.values(models).map(benchText),
      `this processor multiplies 8-bit integers ${machine.integerRate.toFixed(2)} times as fast as float32: the most that 8-bit weights can gain, before what rounding the activations costs`,
    ].join("\n\n"),
});
