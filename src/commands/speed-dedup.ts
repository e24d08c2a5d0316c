/** `fovea speed dedup`: the two all-pairs searches for near-duplicates, of hashes and of features. */
import { z } from "zod";
import { formatBytes, formatDuration } from "../text/format.js";
import { command } from "./command.js";
import { count, natural, option, seed, threads } from "./options.js";
import * as json from "./results.js";

const planted = z
  .object({ found: json.number, all: json.number })
  .describe("known pairs put into the random data, and how many of them were found");
const common = {
  seconds: json.number,
  processorSeconds: json.number,
  pairs: json.number,
  planted,
  peakMemory: json.number,
};

export default command({
  name: "speed dedup",
  summary: "Measure the all-pairs search over hashes and over features",
  options: {
    hashes: option(z.int().min(2).default(1_000_000), "Number of 64-bit hashes, each compared with all others"),
    distance: option(natural.default(6).meta({ hint: "BITS" }), "Hamming distance up to which hashes match"),
    embeddings: option(
      z.tuple([count, count]).default([100_000, 384]).meta({ hint: "ROWS,COLUMNS" }),
      "Features whose pairs are searched",
    ),
    floor: option(
      z.number().gt(0.001).max(1).default(0.01).meta({ hint: "COSINE" }),
      "Minimum cosine similarity; the default is low enough to disable pruning, the worst case",
    ),
    seed,
    threads,
  },
  examples: [
    { run: "fovea speed dedup --json", does: "a million hashes and 100,000 embeddings, as JSON" },
    { run: "fovea speed dedup --hashes 100000 --embeddings 10000,384", does: "a tenth of both" },
  ],
  result: z.object({
    hamming: z.object({ hashes: json.number, distance: json.number, ...common }),
    embeddings: json.list(
      z.object({ rows: json.number, columns: json.number, kind: json.text, search: json.text, ...common }),
    ),
  }),
  async run(options, { note }) {
    const { speedDedup } = await import("../speed/index.js");
    return await speedDedup({ ...options, onProgress: note });
  },
  text: ({ hamming, embeddings }) => {
    const cost = (one: typeof hamming | (typeof embeddings)[number], pairs: string) =>
      `${formatDuration(one.seconds)} (${one.processorSeconds.toFixed(1)} s of all threads), ${one.pairs} ${pairs}, ${one.planted.found} of ${one.planted.all} planted; peak memory ${formatBytes(one.peakMemory)}`;
    return [
      `${hamming.hashes} hashes of 64 bits with themselves, distance ${hamming.distance}: ${cost(hamming, "pairs")}`,
      ...embeddings.map((one) => `${one.rows} x ${one.columns} (${one.kind}), ${one.search}: ${cost(one, "found")}`),
    ];
  },
});
