/** `fovea finetune`: fine-tunes a network on other classes by a published rule, or estimates the cost. */
import { z } from "zod";
import { parseBytes } from "../text/parse-bytes.js";
import type { FineTuningRule } from "../train/index.js";
import { command } from "./command.js";
import { count, folder, images, network, option, seed, settings, share, text } from "./options.js";
import { trainingLines, trainingOptions, trainingResult, wasInterrupted } from "./training.js";

const rules = ["bit", "vit", "augreg", "vtab"] as const satisfies readonly FineTuningRule[];

export default command({
  name: "finetune",
  summary: "Train a whole network on other classes by a published rule",
  details: "Steps, learning rates, image sizes and augmentations follow from the rule and from the images.",
  options: {
    network,
    images,
    rule: option(
      z.enum(rules).optional(),
      "Rule that sets steps, learning rates, image sizes and augmentations (default: bit for ResNets, vit for others)",
    ),
    task: option(
      text.optional(),
      "Published dataset for which a rule has its own settings. Steps and learning rates (--rule vit, augreg): imagenet, cifar-10, cifar-100, pets, flowers, vtab. No flips or no crops (--rule bit): dsprites-orientation, dsprites-location, smallnorb-azimuth, clevr-count, clevr-distance, dmlab, kitti-distance (default: by the number of images)",
    ),
    shots: option(count.optional(), "Training images per class (default: all)"),
    test: option(
      text.optional().meta({ hint: "IMAGES" }),
      "Test images (default: the dataset's test split, else a part that is held out)",
    ),
    holdout: option(
      share.default(0.2),
      "Fraction of each class that is held out where there is no test split; 0 for none",
    ),
    steps: option(count.optional(), "Number of steps in place of the rule's; the rule's schedule is scaled to it"),
    batch: option(
      count.optional(),
      "Batch size in place of the rule's (512). With --rule bit, batches of exactly 128 have a learning rate of 0.001 instead of 0.003; other sizes keep 0.003",
    ),
    imageSize: option(
      count.optional(),
      "Input image size in place of the rule's, in pixels; position embeddings are interpolated",
    ),
    seed,
    output: option(folder.default("runs/finetune"), "Folder of the run"),
    ...trainingOptions,
    memory: option(
      trainingOptions.memory,
      "Memory limit, such as 2GB: gradient accumulation (microbatches) keeps within it (default: 70 % of the free memory, or of the limit of the process if that is lower)",
    ),
    settings,
  },
  examples: [
    {
      run: "fovea finetune embedded:bit photos/ --image-size 64 --batch 128",
      does: "a bundled backbone on your own classes; 64 px and batches of 128 need less time and memory",
    },
    { run: "fovea finetune augreg:S/16 photos/ --rule augreg --dry-run", does: "what it would cost" },
    {
      run: "fovea finetune BiT-M-R50x1.npz cifar-10-binary/ --shots 10 --batch 128 --output runs/ten",
      does: "BiT-HyperRule on ten images of each class",
    },
    {
      run: "fovea finetune embedded:bit photos/ --optimizer.learningRate=0.001",
      does: "with a setting changed",
    },
    {
      run: "fovea finetune embedded:bit photos/ --optimizer.learningRate=0.001 --resume",
      does: "resume after an interruption, with the same settings",
    },
  ],
  stopping: "stopping after this step",
  distributed: ({ dryRun }) => !dryRun,
  result: trainingResult,
  async run({ network, images, dryRun, holdout, batch, memory, ...options }, io) {
    const { finetune, finetuneDryRun } = await import("../train/index.js");
    const limit = memory === undefined ? undefined : parseBytes(memory);
    const given = { ...options, holdOut: holdout, batchSize: batch, memory: limit, ...io };
    return await (dryRun ? finetuneDryRun : finetune)(network, images, given);
  },
  text: (found, { output }) => [
    ...trainingLines(found),
    ...("choices" in found || found.interrupted ? [] : [`classify other images with: fovea predict ${output} IMAGE`]),
  ],
  failed: wasInterrupted,
});
