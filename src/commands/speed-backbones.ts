/** `fovea speed backbones`: networks as they run when opened, compared with their own exports. */
import { z } from "zod";
import { plural } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { argument, count, distinct, option, text, threads } from "./options.js";
import * as json from "./results.js";

const bench = z.object({
  threads: json.number,
  batchSize: json.number,
  rounds: json.number,
  required: json.number.describe("the ratio that every network should reach"),
  holds: json.flag.describe("does every network reach it?"),
  backbones: json.list(
    z.object({
      spec: json.text,
      imageShape: json.imageShape,
      imagesPerSecond: z.object({ native: json.number, exported: json.number }),
      ratio: json.number.describe("speed of the network over that of its export, median over the rounds"),
      quartiles: z.tuple([json.number, json.number]).readonly().describe("of the ratio over the rounds"),
      difference: json.number.describe("largest difference of a feature, relative to the largest feature"),
    }),
  ),
});

function verdict({ backbones, required }: z.output<typeof bench>): string {
  const below = backbones.filter(({ ratio }) => ratio < required);
  if (below.length === 0) return `every network runs at ${required} or more of the speed of its export`;
  return `below ${required} of the speed of its export: ${below.map(({ spec, ratio }) => `${spec} (${ratio.toFixed(3)})`).join(", ")}`;
}

export default command({
  name: "speed backbones",
  summary: "Compare networks as they run in Fovea with their exported ONNX files",
  options: {
    networks: argument(
      distinct(text).optional(),
      "Networks, any number: runs, weights, embedded:NAME, random:MODEL (default: random:S/16, random:R50x1 and the bundled backbones)",
    ),
    batch: option(count.default(32), "Batch size"),
    rounds: option(count.default(21), "Number of measurements of each form, in turn"),
    threads,
  },
  examples: [
    { run: "fovea speed backbones --json", does: "images/s of both forms and their ratio, as JSON" },
    { run: "fovea speed backbones embedded:tiny random:Ti/16 --rounds 41", does: "two networks, more measurements" },
  ],
  result: bench,
  async run({ networks, batch, ...options }, { note, signal }) {
    const { speedBackbones } = await import("../speed/index.js");
    return await speedBackbones(networks, { ...options, batchSize: batch, onProgress: note, signal });
  },
  text: (found) => {
    const rows = found.backbones.map((one) => [
      one.spec,
      `${one.imageShape[0]}x${one.imageShape[1]}`,
      one.imagesPerSecond.native.toFixed(1),
      one.imagesPerSecond.exported.toFixed(1),
      one.ratio.toFixed(3),
      one.quartiles.map((value) => value.toFixed(3)).join(" to "),
      one.difference.toExponential(0),
    ]);
    return [
      ...columns([["network", "image", "native", "exported", "ratio", "quartiles", "difference"], ...rows]),
      `images/s in batches of ${found.batchSize}, ${plural(found.threads, "thread")}, ${plural(found.rounds, "round")}`,
      verdict(found),
    ];
  },
});
