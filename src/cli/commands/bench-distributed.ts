/** `fovea bench distributed`: training divided over ranks beside training in one process. */
import { type DistributedBench, benchDistributed as measure } from "../../speed/index.js";
import { defineCommand } from "../command.js";
import { benchDistributed } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";

function textOf(bench: DistributedBench): string {
  const { one, several } = bench.imagesPerSecond;
  const rate = (value: number) => value.toFixed(1).padStart(8);
  return [
    `${bench.model}, ${bench.imageSize} px, batch ${bench.batchSize}, ${bench.steps} steps`,
    `  one rank, ${bench.threads} threads     ${rate(one)} images/s`,
    `  ${bench.ranks} ranks, ${bench.threads / bench.ranks} thread each ${rate(several)} images/s, ${bench.ratio.toFixed(3)} of it`,
    `  losses differ by at most    ${bench.lossDifference.toExponential(1)} of their size`,
  ].join("\n");
}

export const command = defineCommand(benchDistributed, async ({ args, note }) => {
  const common = {
    batchSize: wholeNumber(args.batch, "batch", 1),
    steps: wholeNumber(args.steps, "steps", 1),
    ranks: wholeNumber(args.ranks, "ranks", 2),
    source: args.source,
    launcher: args.mpiexec.split(" ").filter((word) => word !== ""),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
    onProgress: note,
  };
  const models = args.models.split(",").map((entry) => {
    const [model, size, ...rest] = entry.trim().split("@");
    if (!model || !size || rest.length > 0) throw new UsageError(`--models: "${entry}" is not MODEL@SIDE, as S/16@224`);
    return { model, imageSize: wholeNumber(size, "models", 1) };
  });
  const found: DistributedBench[] = [];
  for (const one of models) found.push(await measure({ ...common, ...one }));
  return { document: { models: found }, text: found.map(textOf).join("\n\n") };
});
