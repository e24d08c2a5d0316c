/** `fovea embed`: writes the features of every image of a dataset to a safetensors file. */
import { z } from "zod";
import { formatDuration } from "../text/format.js";
import { requireImages } from "./backbone.js";
import { command } from "./command.js";
import { device, file, imageSize, imagesWith, leadingBackbone, option, overwrite, split, threads } from "./options.js";
import * as json from "./results.js";

export default command({
  name: "embed",
  summary: "Write the features of the images of a dataset to a safetensors file",
  options: {
    backbone: leadingBackbone,
    images: imagesWith("only one split is used, see --split"),
    imageSize,
    split,
    output: option(file.default("embeddings.safetensors"), "File to write", { group: "output" }),
    overwrite,
    device,
    threads,
  },
  examples: [
    { run: "fovea embed photos/ --output photos.safetensors", does: "one row per image" },
    { run: "fovea embed runs/one photos/", does: "features of a network of your own" },
  ],
  result: z.object({
    output: json.text,
    checkpoint: json.text,
    source: json.text,
    split: json.text,
    images: json.number,
    width: json.number,
    classNames: json.list(json.text),
    bad: json.unreadable,
    model: json.model,
    seconds: json.number,
  }),
  async run(options, { note, progress }) {
    await requireImages(options, "embed");
    const { embed } = await import("../transfer/index.js");
    return await embed(options.images, { ...options, note, progress });
  },
  text: ({ output, images, width, source, split, checkpoint, model, seconds }) => [
    `${output}: features [${images}, ${width}] and labels [${images}] of ${source} (${split})`,
    `network ${checkpoint}, preprocessing ${model.preprocessing}; ${formatDuration(seconds)}`,
  ],
});
