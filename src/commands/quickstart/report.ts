/**
 * Writes the report of the quickstart: accuracies, an episode of each dataset, and the training curves if a network was trained.
 */

import type { Example } from "../../data/index.js";
import type { Network } from "../../networks/index.js";
import {
  accuracyTable,
  chartFigure,
  encodedUri,
  episodeGallery,
  facts,
  htmlReport,
  lossChart,
  type Picture,
  paragraph,
  pixelUri,
  tiles,
} from "../../report/index.js";
import { formatDuration, groupDigits, percent } from "../../text/format.js";
import { episodeSettings, type PlayedSet } from "./play.js";
import type { TrainedQuickstart } from "./train.js";

export interface ReportParts {
  readonly played: readonly PlayedSet[];
  readonly backbone: Network;
  /** The run of the backbone, if it was trained. */
  readonly training: TrainedQuickstart | undefined;
  readonly seconds: number;
}

function pictureOf(example: Example, alt: string): Picture {
  const { image } = example;
  return {
    source:
      image.kind === "encoded" ? encodedUri(image.bytes) : pixelUri({ ...image, channels: image.channels as 1 | 3 }),
    alt,
  };
}

/** Selects the episode whose accuracy is nearest to the mean. */
function typicalEpisode({ learned }: PlayedSet) {
  const distance = (accuracy: number) => Math.abs(accuracy - learned.accuracy);
  return learned.episodes.reduce((best, one) => (distance(one.accuracy) < distance(best.accuracy) ? one : best));
}

async function gallery(played: PlayedSet) {
  const round = typicalEpisode(played);
  const nameOf = (label: number) => played.classNames[label]!;
  const show = async (row: number, alt: string) => pictureOf(await played.picture(row), alt);
  const classes = [];
  for (const [i, label] of round.classes.entries()) {
    const pictures: Picture[] = [];
    for (const row of round.support[i]!) pictures.push(await show(row, `${nameOf(label)}, shown`));
    classes.push({ name: nameOf(label), pictures });
  }
  const queries = [];
  // every fourth query image, which gives each class the same number
  for (const query of round.queries.filter((_, i) => i % 4 === 0)) {
    queries.push({
      picture: await show(query.index, `to name: ${nameOf(query.truth)}`),
      truth: round.classes.indexOf(query.truth),
      guess: round.classes.indexOf(query.guess),
      scores: query.scores,
    });
  }
  return episodeGallery({ classes, queries, visible: queries.length });
}

/** The section with the training curves. */
function learning({ metrics, classes }: TrainedQuickstart) {
  const loss = metrics.flatMap(({ step, loss }) => (typeof loss === "number" ? { step, value: loss } : []));
  const validation = metrics.flatMap(({ step, "evaluation/loss": value }) =>
    typeof value === "number" ? { step, value } : [],
  );
  return {
    title: "Training",
    content: [
      chartFigure(
        (width) => lossChart({ loss, validation, width, chance: Math.log(classes) }),
        `Cross-entropy over ${classes} classes; the dashed line is a uniform prediction.`,
      ),
    ],
  };
}

/** The settings of the run as a list. */
function factsOf({ backbone, training, seconds }: ReportParts): [string, string][] {
  const parameters = backbone.details["parameters"];
  const counted = typeof parameters === "number" ? `${groupDigits(parameters)} parameters` : "";
  const everything: [string, string] = ["everything", formatDuration(seconds)];
  if (!training) {
    return [
      ["backbone", `${backbone.spec}, which comes with the package; ${counted}, ${backbone.width} features an image`],
      everything,
    ];
  }
  const { result, images, classes } = training;
  return [
    ["model", `Vision Transformer, ${counted}, trained from random weights`],
    ["training data", `${groupDigits(images)} images of ${classes} classes`],
    ["training", `${groupDigits(result.step)} steps in ${formatDuration(result.seconds)}`],
    everything,
  ];
}

/** The page, as one HTML document. */
export async function quickstartReport(parts: ReportParts): Promise<string> {
  const { played, training } = parts;
  const { shots, classes, queries, episodes } = episodeSettings;
  const sections = [
    {
      title: "Few-shot accuracy on classes it was not trained on",
      content: [
        paragraph(
          `Each episode gives ${shots} labelled images of each of ${classes} classes and classifies ${classes * queries} others. The backbone was trained on none of them. Figures are means over ${episodes} episodes; the raw-pixel baseline has the same episodes and the same ridge regression.`,
        ),
        accuracyTable(
          played.map(({ set, learned, rawPixels }) => ({
            set: set.name,
            detail: set.about,
            accuracy: learned.accuracy,
            interval: learned.confidence95,
            chance: learned.chance,
            rawPixels: rawPixels.accuracy,
          })),
        ),
      ],
    },
    ...(training ? [learning(training)] : []),
  ];
  for (const one of played) {
    sections.push({
      title: `A typical episode: ${one.set.name}`,
      content: [paragraph(`${one.set.about} Images: ${one.set.origin}.`), await gallery(one)],
    });
  }
  sections.push({ title: "What was run", content: [facts(factsOf(parts))] });
  return htmlReport({
    title: "Fovea quickstart",
    lead: training
      ? "A small network was trained from random weights, then classified new classes from five examples of each."
      : "A bundled backbone classifies new classes from five examples of each.",
    summary: [
      tiles(
        played.map(({ set, learned, rawPixels }) => ({
          label: set.name,
          value: percent(learned.accuracy),
          detail: `chance ${percent(learned.chance)}, raw pixels ${percent(rawPixels.accuracy)}`,
        })),
      ),
    ],
    sections,
  });
}
