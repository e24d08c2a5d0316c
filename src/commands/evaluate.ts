/** `fovea evaluate`: the accuracy of a classifier on labelled images. */

import { z } from "zod";
import { formatDuration, inPercent } from "../text/format.js";
import { columns } from "../text/table.js";
import { command } from "./command.js";
import { classifier, device, file, flag, imagesWith, option, overwrite, text, threads } from "./options.js";
import * as json from "./results.js";

/** Number of classes and pairs in the text; the JSON document has all. */
const shownClasses = 30;
const shownPairs = 5;

const result = z.object({
  network: json.text,
  source: json.text,
  split: json.text,
  match: z.enum(["name", "order"]).describe("how classes were matched"),
  amongSet: json.flag.describe("were only classes of the dataset predicted?"),
  images: json.number,
  classes: z.object({
    set: json.number.describe("classes of the dataset"),
    network: json.number.describe("classes of the network"),
  }),
  top1: json.accuracy,
  top5: json.accuracy.optional(),
  meanOfClasses: json.number.describe("mean per-class accuracy"),
  perClass: json.list(
    json.accuracy.extend({
      name: json.text,
      named: json.number.describe("images predicted as this class"),
      precision: json.number.optional(),
    }),
  ),
  confusion: json
    .list(
      z.object({
        is: json.text.describe("true class"),
        named: json.text.describe("predicted class"),
        images: json.number,
      }),
    )
    .describe("the cells of the confusion matrix that are not 0"),
  namedOutsideTheSet: json.number.describe("images predicted as a class that the dataset does not have"),
  confusedPairs: json.list(
    z.object({
      classes: z.tuple([json.text, json.text]).readonly(),
      confused: json.number.describe("images of one class predicted as the other"),
      images: json.number.describe("images of both classes"),
    }),
  ),
  mistakes: json.list(
    z.object({
      image: json.text,
      is: json.text.describe("true class"),
      named: json.text.describe("predicted class"),
      probability: json.number.describe("probability of the predicted class"),
    }),
  ),
  bad: json.unreadable,
  model: json.model,
  files: json.list(json.text),
  seconds: json.number,
});
type Evaluation = z.output<typeof result>;

const shareText = ({ accuracy, confidence95, right, images }: Evaluation["top1"]): string =>
  `${inPercent(accuracy)} %, 95 % interval ${confidence95.map((share) => inPercent(share)).join(" to ")} % (${right} of ${images} images)`;

function classLines({ perClass }: Evaluation): string[] {
  const worst = [...perClass].sort((a, b) => a.accuracy - b.accuracy);
  const shown = perClass.length > shownClasses ? worst.slice(0, shownClasses) : perClass;
  const rows = shown.map(({ name, images, accuracy, precision }) => [
    name,
    `${images}`,
    inPercent(accuracy),
    inPercent(precision),
  ]);
  const rest = perClass.length - shown.length;
  return [
    ...columns([["class", "images", "recall %", "precision %"], ...rows]),
    ...(rest > 0 ? [`  and ${rest} classes with higher recall (--json lists all)`] : []),
  ];
}

export default command({
  name: "evaluate",
  summary: "Measure the accuracy of a classifier on labelled images",
  options: {
    network: classifier,
    images: imagesWith("its classes are matched with the network's by name"),
    split: option(text.optional(), "Split of the images (default: test, else validation, else the only one)"),
    match: option(
      z.enum(["name", "order"]).default("name"),
      "How classes are matched: by name, or in their order (the first of the dataset is the first of the network)",
    ),
    amongSet: option(flag, "Predict only classes of the dataset, not all that the network has"),
    report: option(file.optional(), "Also write an HTML page with the mistakes", { group: "output" }),
    overwrite,
    device,
    threads,
  },
  examples: [
    {
      run: "fovea evaluate models/photos new-photos/",
      does: "top-1, top-5, recall and precision per class, confused classes",
    },
    { run: "fovea evaluate runs/mnist mnist/ --report mistakes.html", does: "a run on IDX files, with its mistakes" },
    {
      run: "fovea evaluate hf:google/vit-base-patch16-224 'photos/?only=tabby,beagle' --among-set --json",
      does: "published weights on some of their classes, as JSON",
    },
  ],
  result,
  async run({ network, images, ...options }, { note, progress }) {
    const { evaluate } = await import("../transfer/index.js");
    return await evaluate(network, images, { ...options, note, progress });
  },
  text: (found) => {
    const { network, source, split, top1, top5, perClass, classes, amongSet, confusedPairs, files } = found;
    return [
      `${network} on ${source} (${split}): ${top1.images} images of ${perClass.length} classes, predicted among ${amongSet ? classes.set : classes.network}`,
      `top-1 accuracy ${shareText(top1)}`,
      ...(top5 ? [`top-5 accuracy ${shareText(top5)}`] : []),
      `mean per-class accuracy ${inPercent(found.meanOfClasses)} %`,
      "",
      ...classLines(found),
      "",
      ...(confusedPairs.length === 0 ? ["no two classes of the dataset were confused"] : ["most often confused:"]),
      ...confusedPairs
        .slice(0, shownPairs)
        .map(({ classes: [a, b], confused, images }) => `  ${a} and ${b}: ${confused} of ${images} images`),
      ...(found.namedOutsideTheSet > 0
        ? [
            `${found.namedOutsideTheSet} images were classified as classes that the dataset does not have (--among-set predicts its classes only)`,
          ]
        : []),
      ...files.map((file) => `${file}: the most confident mistakes`),
      formatDuration(found.seconds),
    ];
  },
});
