/** `fovea pseudo-label`: labels of images by a trained network, written as a file of labels that training reads. */

import { dirname } from "node:path";
import { classesLine, csvLabelLine, labelLine, openSource } from "../../data/index.js";
import { writeFileAtomically } from "../../files/atomic.js";
import { makeFolder } from "../../files/folder.js";
import { describeNetwork, imageLogits, open, type TestViews, topClasses } from "../../networks/index.js";
import { largest } from "../../text/arrays.js";
import { defineCommand } from "../command.js";
import { pseudoLabel } from "../definitions.js";
import { UsageError } from "../words.js";
import { badLines, computing, refuseExisting, withIds, withProgress } from "./network.js";

/** Images of a run; each is looked at up to 20 times. */
const batchSize = 8;

function viewsFrom(crops: string, turns: string): TestViews {
  if (crops !== "1" && crops !== "5") throw new UsageError(`--crops: "${crops}" is neither 1 nor 5`);
  if (turns !== "1" && turns !== "4") throw new UsageError(`--turns: "${turns}" is neither 1 nor 4`);
  return { crops: crops === "1" ? 1 : 5, turns: turns === "1" ? 1 : 4 };
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((x, i) => x === b[i]);

export const command = defineCommand(pseudoLabel, async ({ args, json, note }) => {
  const { output, soft = false } = args;
  const confidence = Number(args.confidence);
  if (!(confidence >= 0 && confidence <= 1)) {
    throw new UsageError(`--confidence: "${args.confidence}" is not a probability from 0 to 1`);
  }
  const views = viewsFrom(args.crops, args.turns);
  const csv = output.endsWith(".csv");
  if (!csv && !output.endsWith(".jsonl")) throw new UsageError(`--output: ${output} ends in neither .jsonl nor .csv`);
  refuseExisting(output, args.overwrite);
  const opened = await openSource(args.source, {
    unlabelled: true,
    ...(args.split !== undefined && { split: args.split }),
  });
  try {
    const model = await open(args.network, { ...computing(args), output: "logits", batchSize, views, note });
    try {
      const classes = model.width;
      const names = model.classNames ?? Array.from({ length: classes }, (_, i) => `${i}`);
      const same = sameNames(names, opened.classNames);
      if (csv && !same) {
        throw new Error(
          `the classes of ${model.path} are not those of ${args.source}, and a .csv file cannot say which they are; write a .jsonl file`,
        );
      }
      const { source, ids } = withIds(opened);
      const { features, indices, labels, bad } = await withProgress(source.length, json, (onProgress) =>
        imageLogits(model, source, { workers: 0, maxBadFraction: 1, onProgress }),
      );
      for (const line of badLines(bad)) note(line);
      const write = csv ? csvLabelLine : labelLine;
      const lines = csv ? ["id,label"] : [classesLine(names)];
      const histogram = new Array<number>(classes).fill(0);
      let agreeing = 0;
      for (const [row, index] of indices.entries()) {
        const guesses = topClasses(features.subarray(row * classes, (row + 1) * classes), classes, model.loss, names);
        const best = guesses[0]!;
        if (best.probability < confidence) continue;
        histogram[best.class]!++;
        if (best.class === labels[row]) agreeing++;
        const probabilities = new Array<number>(classes);
        for (const { class: k, probability } of guesses) probabilities[k] = Number(probability.toPrecision(6));
        lines.push(write(ids.get(index)!, soft ? probabilities : names[best.class]!));
      }
      const labelled = histogram.reduce((sum, count) => sum + count, 0);
      if (labelled === 0) {
        throw new Error(`no image of ${args.source} has a class of probability ${confidence}; lower --confidence`);
      }
      makeFolder(dirname(output));
      await writeFileAtomically(output, [Buffer.from(`${lines.join("\n")}\n`)]);
      const agreement = same ? agreeing / labelled : undefined;
      const width = largest(names.map((name) => name.length));
      return {
        document: {
          file: output,
          source: args.source,
          split: source.split,
          images: indices.length,
          labelled,
          ...(agreement !== undefined && { agreement }),
          views: views.crops * views.turns,
          classes: names.map((name, i) => ({ name, images: histogram[i]! })),
          bad,
          model: describeNetwork(model),
        },
        text: [
          `${output}: ${labelled} of ${indices.length} images of ${args.source} (${source.split}) labelled by ${views.crops * views.turns} views each`,
          ...(agreement === undefined ? [] : [`  ${(100 * agreement).toFixed(1)} % of them as in the source`]),
          ...names.map((name, i) => `  ${name.padEnd(width)}  ${histogram[i]}`),
          `train on them with "${args.source}${args.source.includes("?") ? "&" : "?"}labels=${output}"`,
        ].join("\n"),
      };
    } finally {
      await model.close();
    }
  } finally {
    await opened.close();
  }
});
