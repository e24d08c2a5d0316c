/** `fovea bench inference`: our exports beside the graph that converters usually write. */

import { parseModelName } from "../../models/index.js";
import { type InferenceBench, integerRate, benchInference as measure } from "../../speed/index.js";
import { formatCount, plural } from "../../text/format.js";
import { defineCommand } from "../command.js";
import { benchInference } from "../definitions.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";

const perCent = (share: number) => `${(100 * share).toFixed(1)} %`;

function textOf(bench: InferenceBench): string {
  const { agreement } = bench;
  const rate = (value: number) => value.toFixed(1).padStart(8);
  const factor = (value: number) => `${value.toFixed(2)}x`.padStart(8);
  const lines = Object.entries(bench.batches).flatMap(([batch, found]) => [
    `  batch ${batch}, images/s`,
    ...(found.plain === undefined ? [] : [`    as converters write it   ${rate(found.plain)}`]),
    `    exported                 ${rate(found.float32)}${found.ratio === undefined ? "" : ` ${factor(found.ratio)} of the converter's`}`,
    `    in plain operators       ${rate(found.plainOperators)}`,
    `    float16 weights          ${rate(found.float16)} ${factor(found.ratioFloat16)} of float32`,
    `    8-bit weights            ${rate(found.int8)} ${factor(found.ratioInt8)} of float32`,
  ]);
  return [
    `${bench.model}, ${bench.imageSize.join(" x ")} px, ${formatCount(bench.parameters)} parameters, ${plural(bench.threads, "thread")}`,
    ...lines,
    ...(bench.difference === undefined
      ? []
      : [`  largest difference from the converter's logits ${bench.difference.toExponential(1)}`]),
    `  same first class as float32, ${agreement.images} images of ${agreement.source}: float16 ${perCent(agreement.float16)}, 8-bit ${perCent(agreement.int8)}`,
    `  right: float32 ${perCent(agreement.accuracy.float32)}, float16 ${perCent(agreement.accuracy.float16)}, 8-bit ${perCent(agreement.accuracy.int8)}`,
  ].join("\n");
}

/** What 8-bit weights can gain on this processor. */
const machineText = (integers: number): string =>
  `this processor multiplies 8-bit integers ${integers.toFixed(2)} times as fast as float32: the most that 8-bit weights can gain, before what rounding the activations costs`;

export const command = defineCommand(benchInference, async ({ args, note }) => {
  const common = {
    imageSize: wholeNumber(args["image-size"], "image-size", 1),
    batches: wholeNumbers(args.batches, "batches", 1),
    rounds: wholeNumber(args.rounds, "rounds", 1),
    images: wholeNumber(args.images, "images", 1),
    source: args.source,
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
    onProgress: note,
  };
  const names = args.models.split(",").map((name) => name.trim());
  if (args.network === undefined) {
    if (names.includes("")) throw new UsageError(`--models: "${args.models}" has an empty name`);
    for (const name of names) parseModelName(name); // refuses an unknown name before anything is measured
  }
  const found: InferenceBench[] = [];
  if (args.network !== undefined) found.push(await measure({ ...common, model: args.network, trained: true }));
  else for (const name of names) found.push(await measure({ ...common, model: name }));
  note("8-bit products beside float32 ones");
  const machine = { integerRate: await integerRate(common.threads, common.rounds) };
  return {
    document: { machine, models: Object.fromEntries(found.map((bench) => [bench.model, bench])) },
    text: `${found.map(textOf).join("\n\n")}\n\n${machineText(machine.integerRate)}`,
  };
});
