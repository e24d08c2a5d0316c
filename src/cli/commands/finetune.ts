/** `fovea finetune`: trains a whole network on other classes by a published rule, or says what it would cost. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { didYouMean } from "../../text/nearest.js";
import { parseBytes } from "../../text/parse-bytes.js";
import {
  applyOverrides,
  bitTasks,
  checkTask,
  divideSource,
  type FineTuningPlan,
  type FineTuningRule,
  fineTuningPlan,
  fineTuningRecipe,
  fineTuningRules,
  hasRun,
  launchOf,
  type Recipe,
  readTrainable,
  requireNoRun,
  resolveRecipe,
  usualMemory,
  usualRule,
} from "../../train/index.js";
import { defineCommand } from "../command.js";
import { finetune } from "../definitions.js";
import { UsageError, wholeNumber } from "../words.js";
import { runTraining } from "./train.js";

const usualOutput = "runs/finetune";

export const command = defineCommand(finetune, async ({ args, overrides, json, note }) => {
  const { backbone, task, overwrite = false } = args;
  const given = args.rule === undefined ? undefined : ruleOf(args.rule);
  if (task !== undefined) checkTask(task, bitTasks());
  const number = (name: "shots" | "steps" | "batch" | "image-size") =>
    args[name] === undefined ? undefined : wholeNumber(args[name], name, 1);
  const [shots, steps, batchSize, imageSize] = [
    number("shots"),
    number("steps"),
    number("batch"),
    number("image-size"),
  ];
  const seed = wholeNumber(args.seed, "seed");
  const holdOut = Number(args.holdout);
  const output = args.output ?? usualOutput;
  // What was drawn and chosen for a run is taken again with it; where there is none yet, --resume starts one.
  const resume = args.resume === true && hasRun(output);
  const dry = args["dry-run"] === true;
  // a dry run leaves nothing behind, the lists of images included
  const folder = dry ? await mkdtemp(join(tmpdir(), "fovea-finetune-")) : output;
  const first = (launchOf()?.rank ?? 0) === 0;
  const tell = first ? note : () => undefined;

  const load = async (): Promise<Recipe> => {
    const network = await readTrainable(backbone, tell);
    if (!dry && !resume && !overwrite) await requireNoRun(output);
    const divided = await divideSource({
      source: args.source,
      ...(args.test !== undefined && { test: args.test }),
      holdOut,
      ...(shots !== undefined && { shots }),
      seed,
      folder,
      written: resume || !first,
    });
    const rule = given ?? usualRule(network);
    const plan = fineTuningPlan(
      rule,
      network,
      { ...divided.data, ...(task !== undefined && { task }) },
      {
        ...(steps !== undefined && { steps }),
        ...(batchSize !== undefined && { batchSize }),
        ...(imageSize !== undefined && { crop: imageSize }),
      },
    );
    tell(planLine(rule, plan));
    if (divided.heldOut > 0) tell(`${divided.heldOut} images are held out to judge on, listed in test-images.txt`);
    if (!divided.evaluation) tell("no images are held out, so the run will say no accuracy");
    const { train, evaluation } = divided;
    const input = fineTuningRecipe({
      plan,
      backbone,
      network,
      train,
      ...(evaluation && { evaluation }),
      seed,
      output,
    });
    return resolveRecipe(applyOverrides(input, overrides), "the recipe of this fine-tuning");
  };
  try {
    const budget = args.memory === undefined ? usualMemory() : parseBytes(args.memory);
    const result = await runTraining({ load, args, memory: budget, json, note });
    if (dry || result.quiet || result.failed) return result;
    return { ...result, text: `${result.text}\nname the classes of other images with: fovea predict ${output} IMAGE` };
  } finally {
    if (dry) await rm(folder, { recursive: true, force: true });
  }
});

function ruleOf(text: string): FineTuningRule {
  const rule = fineTuningRules.find((one) => one === text);
  if (rule) return rule;
  throw new UsageError(
    `--rule: "${text}" is none; expected ${fineTuningRules.join(", ")}${didYouMean(text, fineTuningRules)}`,
  );
}

/** What a rule decided, in a line. */
function planLine(rule: FineTuningRule, plan: FineTuningPlan): string {
  const { steps, batchSize, learningRate, resize, crop, flip, mixup, schedule, clipNorm } = plan;
  const parts = [
    `${steps} steps of ${batchSize} images`,
    `learning rate ${learningRate} (${schedule.name})`,
    crop < resize ? `images resized to ${resize} and cropped to ${crop} pixels` : `images of ${crop} pixels`,
    ...(flip === "none" ? [] : ["mirrored"]),
    ...(mixup.alpha > 0 ? [`mixup ${mixup.alpha}`] : []),
    ...(clipNorm === undefined ? [] : [`gradients clipped to ${clipNorm}`]),
  ];
  return `rule ${rule}: ${parts.join(", ")}`;
}
