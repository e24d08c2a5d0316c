/** `fovea speed distributed`: training on several MPI ranks compared with training in one process. */
import { z } from "zod";
import { command } from "./command.js";
import { count, images, list, metaOf, option, text, threads } from "./options.js";
import * as json from "./results.js";

const bench = z.object({
  model: json.text,
  imageSize: json.number,
  batchSize: json.number,
  steps: json.number,
  ranks: json.number,
  threads: json.number,
  lossDifference: json.number.describe("largest relative difference of the losses"),
  imagesPerSecond: z.object({ one: json.number, several: json.number }),
  ratio: json.number,
  losses: z.object({ one: json.list(json.number), several: json.list(json.number) }),
});

const sizedModel = z.string().check(({ value, issues }) => {
  if (!/^[^@]+@[1-9]\d*$/.test(value)) {
    issues.push({ code: "custom", message: `expected MODEL@SIDE, such as S/16@224, given "${value}"`, input: value });
  }
});

export default command({
  name: "speed distributed",
  summary: "Compare training on several MPI ranks with one process that has as many threads",
  options: {
    models: option(
      list(sizedModel).default(["S/16@64", "S/16@224"]).meta({ hint: "MODEL@SIDE,..." }),
      "Vision Transformers, each with its input image size in pixels",
    ),
    batch: option(count.default(16), "Batch size, over all ranks"),
    steps: option(count.default(50), "Steps of each run"),
    ranks: option(z.int().min(2).default(2), "Ranks to compare with one process"),
    source: option(text.default("embedded:clothing").meta({ hint: "IMAGES" }), metaOf(images).description ?? ""),
    mpiexec: option(
      text.default("mpiexec").meta({ hint: "COMMAND" }),
      "Command that starts the ranks, with arguments if it needs them",
    ),
    threads: option(threads, "Threads of all ranks together (default: all cores)"),
  },
  examples: [
    { run: "fovea speed distributed --json", does: "losses, their largest difference and the throughput, as JSON" },
    { run: "fovea speed distributed --models Ti/16@224 --steps 20", does: "another model, fewer steps" },
    { run: 'fovea speed distributed --mpiexec "mpiexec.openmpi --oversubscribe"', does: "with another launcher" },
  ],
  result: z.object({ models: json.list(bench) }),
  async run({ models, batch, mpiexec, ...options }, { note }) {
    const { speedDistributed } = await import("../speed/index.js");
    const sized = models.map((entry) => {
      const [model = "", side] = entry.split("@");
      return { model, imageSize: Number(side) };
    });
    const launcher = mpiexec.split(" ").filter((word) => word !== "");
    return await speedDistributed(sized, { ...options, batchSize: batch, launcher, onProgress: note });
  },
  text: ({ models }) =>
    models
      .map((one) => {
        const rate = (value: number) => value.toFixed(1).padStart(8);
        return [
          `${one.model}, ${one.imageSize} px, batch ${one.batchSize}, ${one.steps} steps`,
          `  one rank, ${one.threads} threads     ${rate(one.imagesPerSecond.one)} images/s`,
          `  ${one.ranks} ranks, ${one.threads / one.ranks} thread each ${rate(one.imagesPerSecond.several)} images/s, ${one.ratio.toFixed(3)} of it`,
          `  losses differ by at most    ${one.lossDifference.toExponential(1)} of their size`,
        ].join("\n");
      })
      .join("\n\n"),
});
