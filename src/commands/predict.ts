/** `fovea predict`: the most probable classes of images. */

import { z } from "zod";
import { largest } from "../text/arrays.js";
import { percent } from "../text/format.js";
import { command, UsageError } from "./command.js";
import { argument, classifier, count, device, list, option, text, threads } from "./options.js";
import * as json from "./results.js";

const guess = z.object({
  class: json.number.describe("number of the class, from 0"),
  name: json.text.optional(),
  probability: json.number,
});
const prediction = z.object({
  image: json.text,
  guesses: json.list(guess).describe("the most probable classes, first the most probable"),
});

const nameOf = ({ name, class: index }: z.output<typeof guess>) => name ?? `class ${index}`;

/** Formats predictions: a line for each image, with further classes on the lines below it. */
export function listing(predictions: readonly z.output<typeof prediction>[]): string {
  const width = largest(predictions.flatMap(({ guesses }) => guesses.map((one) => nameOf(one).length)));
  const line = (one: z.output<typeof guess>) => `${nameOf(one).padEnd(width)}  ${percent(one.probability).padStart(7)}`;
  return predictions
    .map(({ image, guesses }) => {
      const [only, ...more] = guesses;
      if (only && more.length === 0) return `${line(only)}  ${image}`;
      return [image, ...guesses.map((one) => `  ${line(one)}`)].join("\n");
    })
    .join("\n");
}

export default command({
  name: "predict",
  summary: "Classify images",
  options: {
    network: classifier,
    images: argument(
      list(text),
      "Files and folders of images, any number; or one dataset (a .tar, IDX files, embedded:NAME, photos/?take=9); or - for an image, or paths one per line, on standard input",
    ),
    top: option(count.default(1), "Number of classes to print for each image"),
    device,
    threads,
  },
  examples: [
    { run: "fovea predict models/photos photo.jpg --top 5", does: "the five most probable classes" },
    { run: "fovea predict models/photos photos/ more/one.png --json", does: "every image below a folder, as JSON" },
    { run: "fovea predict models/photos -", does: "an image, or paths one per line, from a pipe" },
  ],
  result: z.object({ predictions: json.list(prediction), bad: json.unreadable, model: json.model }),
  async run({ network, images, top, device, threads }, { stdin, note, progress }) {
    const { isDataset, predict } = await import("../transfer/index.js");
    if (images.length > 1) {
      const dataset = images.find(isDataset);
      if (dataset !== undefined) throw new UsageError(`${dataset} is a dataset; give it alone`);
    }
    if (images.filter((place) => place === "-").length > 1) throw new UsageError('"-" may be given only once');
    const places = [];
    for (const place of images) {
      if (place !== "-") places.push(place);
      else {
        const { imagesFromStream } = await import("./standard-input.js");
        for (const one of await imagesFromStream(stdin)) places.push(one);
      }
    }
    return await predict(network, places, { top, device, threads, note, progress });
  },
  text: ({ predictions }) => listing(predictions),
  failed: ({ bad }) => bad.length > 0,
});
