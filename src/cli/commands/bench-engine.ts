/** `fovea bench engine`: the training step beside the machine's matrix multiplication. */

import { parseModelName } from "../../models/index.js";
import { benchMemory, type EngineBench, type MemoryBench, benchEngine as measure } from "../../speed/index.js";
import { formatBytes, plural } from "../../text/format.js";
import { fastestMicrobatches } from "../../train/index.js";
import { defineCommand } from "../command.js";
import { benchEngine } from "../definitions.js";
import { wholeNumber } from "../words.js";

function textOf(bench: EngineBench): string {
  const { model, batchSize, imageSize, microbatches } = bench;
  const parts = microbatches === 1 ? "" : ` in ${microbatches} microbatches`;
  const line = (what: string, ratio: number, images: number) =>
    `  ${what.padEnd(30)}${ratio.toFixed(3)} of it; ${images.toFixed(1)} images/s`;
  return [
    `${model}, ${imageSize} px, batch ${batchSize}${parts}, ${plural(bench.threads, "thread")}`,
    `  matrix product 1024 x 1024    ${bench.matmulGflops.toFixed(1)} GFLOP/s`,
    `  forward and backward          ${bench.stepGflops.toFixed(1)} GFLOP/s, ${bench.ratio.toFixed(3)} of it; ${bench.imagesPerSecond.toFixed(1)} images/s`,
    line("with the optimiser's update", bench.ratioWithUpdate, bench.imagesPerSecondWithUpdate),
    line("exported, forward only", bench.ratioInference, bench.imagesPerSecondInference),
    `  rematerialised                ${bench.ratioRematerialised.toFixed(3)} of it; ${bench.timeRematerialised.toFixed(2)} times the time`,
    ...(bench.timeImageByImage === undefined
      ? []
      : [`  convolved image by image      ${bench.timeImageByImage.toFixed(2)} times the time`]),
    `  peak memory                   ${formatBytes(bench.peakBytes)}; rematerialised ${formatBytes(bench.peakBytesRematerialised)}; with the update ${formatBytes(bench.peakBytesWithUpdate)}`,
    `  build ${bench.buildSeconds.toFixed(2)} s, compile ${bench.compileSeconds.toFixed(2)} s`,
  ].join("\n");
}

function memoryText({ model, imageSize, plain, saving, fits }: MemoryBench): string {
  return [
    `${model}, ${imageSize} px, steps with AdamW, peak memory`,
    `  batch ${plain.batchSize}: ${formatBytes(plain.peakBytes)}`,
    `  batch ${saving.batchSize}, rematerialised, in ${saving.microbatches} microbatches: ${formatBytes(saving.peakBytes)}, ${fits ? "within it" : "more"}`,
  ].join("\n");
}

export const command = defineCommand(benchEngine, async ({ args, note }) => {
  const common = {
    imageSize: wholeNumber(args["image-size"], "image-size"),
    rounds: wholeNumber(args.rounds, "rounds"),
    stepsPerRun: wholeNumber(args["steps-per-run"], "steps-per-run"),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads") }),
    onProgress: note,
  };
  const { microbatches: given } = args;
  // As given, else as training chooses. Refuses an unknown name before anything is measured.
  const sized = (model: string, batchSize: number) => {
    const { imageSize } = common;
    const chosen = fastestMicrobatches(parseModelName(model), [imageSize, imageSize], batchSize);
    return {
      ...common,
      model,
      batchSize,
      microbatches: given === undefined ? chosen : wholeNumber(given, "microbatches"),
    };
  };
  if (args.memory) {
    const found = await benchMemory(sized(args.model ?? "S/16", wholeNumber(args.batch, "batch")));
    return { document: found, text: memoryText(found) };
  }
  if (args.model !== undefined) {
    const found = await measure(sized(args.model, wholeNumber(args.batch, "batch")));
    return { document: found, text: textOf(found) };
  }
  const small = await measure(sized("S/16", 8));
  const tiny = await measure(sized("Ti/16", 16));
  return { document: { ...small, tiny }, text: `${textOf(small)}\n\n${textOf(tiny)}` };
});
