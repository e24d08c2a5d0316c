/** `fovea embed`: the representation of every image of a source, as a safetensors file. */

import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { openSource } from "../../data/index.js";
import { makeFolder } from "../../files/folder.js";
import { writeSafetensors } from "../../formats/safetensors.js";
import { imageFeatures } from "../../networks/index.js";
import { formatDuration } from "../../text/format.js";
import { type CommandResult, defineCommand } from "../command.js";
import { embed } from "../definitions.js";
import { backboneAndSource, backboneDocument, badLines, openFeatures, withIds, withProgress } from "./network.js";

export const command = defineCommand(embed, async ({ args, json, note }): Promise<CommandResult> => {
  const started = performance.now();
  const { output } = args;
  if (existsSync(output) && statSync(output).isDirectory()) {
    throw new Error(
      `${output} is a folder; --output names the file to write, such as ${output}/embeddings.safetensors`,
    );
  }
  const { backbone: spec, source: images } = backboneAndSource(args, "embed", note);
  const opened = await openSource(images, { unlabelled: true, ...(args.split !== undefined && { split: args.split }) });
  for (const text of opened.notes ?? []) note(text);
  try {
    const backbone = await openFeatures(spec, args, note);
    try {
      const { source, ids } = withIds(opened);
      const { features, labels, indices, bad } = await withProgress(source.length, json, (onProgress) =>
        imageFeatures(backbone, source, { workers: 0, maxBadFraction: 1, onProgress }),
      );
      const { data, columns: width } = features;
      for (const line of badLines(bad)) note(line);
      const text = {
        ids: JSON.stringify(Array.from(indices, (index) => ids.get(index)!)),
        classNames: JSON.stringify(source.classNames),
        checkpoint: backbone.path,
        preprocessing: backbone.preprocessing,
        source: images,
        split: source.split,
      };
      makeFolder(dirname(output));
      await writeSafetensors(
        output,
        new Map([
          ["features", { dtype: "float32", shape: [labels.length, width], data }],
          ["labels", { dtype: "int32", shape: [labels.length], data: labels }],
        ]),
        new Map(Object.entries(text)),
      );
      const seconds = (performance.now() - started) / 1000;
      return {
        document: {
          output,
          checkpoint: backbone.path,
          source: images,
          split: source.split,
          images: labels.length,
          width,
          classNames: source.classNames,
          bad,
          model: backboneDocument(backbone),
          seconds,
        },
        text: [
          `${output}: features [${labels.length}, ${width}] and labels [${labels.length}] of ${images} (${source.split})`,
          `network ${backbone.spec}, images by ${backbone.preprocessing}; ${formatDuration(seconds)}`,
        ].join("\n"),
      };
    } finally {
      await backbone.close();
    }
  } finally {
    await opened.close();
  }
});
