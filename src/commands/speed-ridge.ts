/** `fovea speed ridge`: the ridge regression of the few-shot protocol on a large support set. */
import { z } from "zod";
import { command } from "./command.js";
import { count, option, threads } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "speed ridge",
  summary: "Compare the ridge regression of the few-shot protocol with plain loops",
  options: {
    classes: option(z.int().min(2).default(1000), "Classes"),
    shots: option(count.default(10), "Examples per class"),
    width: option(count.default(768), "Features of an image"),
    rounds: option(count.default(3), "Number of fits of each, in turn"),
    threads,
  },
  examples: [{ run: "fovea speed ridge --json", does: "seconds, those of plain loops and their ratio, as JSON" }],
  result: z.object({
    classes: json.number,
    shots: json.number,
    width: json.number,
    seconds: json.number,
    plainSeconds: json.number,
    ratio: json.number,
    largestDifference: json.number,
  }),
  async run(options, { note }) {
    const { benchFewShot } = await import("../speed/index.js");
    return await benchFewShot({ ...options, onProgress: note });
  },
  text: ({ classes, shots, width, seconds, plainSeconds, ratio, largestDifference }) => [
    `ridge fit, ${classes} classes of ${shots} shots, ${width} features`,
    `  ${seconds.toFixed(2)} s; in plain loops ${plainSeconds.toFixed(2)} s, ${ratio.toFixed(1)} times as long`,
    `  largest difference of a weight ${largestDifference.toExponential(1)} of the largest`,
  ],
});
