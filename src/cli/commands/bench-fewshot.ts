/** `fovea bench fewshot`: the fit of the closed-form ridge to a large support set. */
import { benchFewShot as measure } from "../../speed/index.js";
import { defineCommand } from "../command.js";
import { benchFewshot } from "../definitions.js";
import { wholeNumber } from "../words.js";

export const command = defineCommand(benchFewshot, async ({ args, note }) => {
  const found = await measure({
    classes: wholeNumber(args.classes, "classes", 2),
    shots: wholeNumber(args.shots, "shots", 1),
    width: wholeNumber(args.width, "width", 1),
    rounds: wholeNumber(args.rounds, "rounds", 1),
    ...(args.threads !== undefined && { threads: wholeNumber(args.threads, "threads", 1) }),
    onProgress: note,
  });
  const { classes, shots, width, seconds, plainSeconds, ratio, largestDifference } = found;
  return {
    document: found,
    text: [
      `ridge fit, ${classes} classes of ${shots} shots, ${width} features`,
      `  ${seconds.toFixed(2)} s; in plain loops ${plainSeconds.toFixed(2)} s, ${ratio.toFixed(1)} times as long`,
      `  largest difference of a weight ${largestDifference.toExponential(1)} of the largest`,
    ].join("\n"),
  };
});
