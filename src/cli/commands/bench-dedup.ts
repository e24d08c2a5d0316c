/** `fovea bench dedup`: the search for near-duplicates against people's judgement, known edits and the clock. */
import { writeFile } from "node:fs/promises";
import {
  benchEdited,
  benchJudged,
  benchLadder,
  type EditedBench,
  type JudgedBench,
  type LadderBench,
  precisionRecallChart,
} from "../../benchmarks/duplicates/index.js";
import { benchEmbeddings, benchHamming, type EmbeddingSpeed, type HammingSpeed } from "../../speed/index.js";
import { append } from "../../text/arrays.js";
import { formatBytes, formatDuration } from "../../text/format.js";
import { defineCommand } from "../command.js";
import { benchDedup } from "../definitions.js";
import { UsageError, wholeNumber, wholeNumbers } from "../words.js";

const parts = ["speed", "edited", "judged", "ladder"] as const;
type Part = (typeof parts)[number];

const perCent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function hammingText({
  hashes,
  distance,
  seconds,
  processorSeconds,
  pairs,
  planted,
  peakMemory,
}: HammingSpeed): string {
  return `${hashes} hashes of 64 bits with themselves, distance ${distance}: ${formatDuration(seconds)} (${processorSeconds.toFixed(1)} s of all threads), ${pairs} pairs, ${planted.found} of ${planted.all} planted; peak memory ${formatBytes(peakMemory)}`;
}

function embeddingText({
  rows,
  columns,
  kind,
  search,
  seconds,
  processorSeconds,
  pairs,
  planted,
  peakMemory,
}: EmbeddingSpeed): string {
  return `${rows} x ${columns} (${kind}), ${search}: ${formatDuration(seconds)} (${processorSeconds.toFixed(1)} s of all threads), ${pairs} found, ${planted.found} of ${planted.all} planted; peak memory ${formatBytes(peakMemory)}`;
}

function editedText({ source, originals, alreadyTwice, results, recall, precision, seconds }: EditedBench): string {
  return [
    `edited copies among ${originals} pictures of ${source} (${alreadyTwice} left out as there twice already), ${formatDuration(seconds)}`,
    ...results.map(
      ({ edit, strength, copies, found, falsePairs }) =>
        `  ${`${edit} ${strength}`.padEnd(28)} ${String(found).padStart(4)} of ${copies}${falsePairs > 0 ? `, ${falsePairs} false pairs` : ""}`,
    ),
    `  all ${perCent(recall)}, precision ${perCent(precision)}`,
  ].join("\n");
}

function judgedText({ queries, candidates, rankOne, atThreshold, seconds }: JudgedBench): string {
  const { nearDuplicates, verySimilar, baseline } = rankOne;
  return [
    `judged pairs: ${queries} images among ${candidates}, ${formatDuration(seconds)}`,
    `  first of all: ${nearDuplicates.found} of ${nearDuplicates.all} near-duplicates (${baseline.nearDuplicates} by 8 x 8 pixels), ${verySimilar.found} of ${verySimilar.all} very similar (${baseline.verySimilar})`,
    `  at the threshold ${atThreshold.threshold}: recall ${perCent(atThreshold.recall)}, precision ${perCent(atThreshold.precision)} (${atThreshold.falsePairs} false pairs)`,
  ].join("\n");
}

function ladderText({ folder, groups, alone, broken, distractors, falsePairs }: LadderBench): string {
  return [
    `${folder}, among ${distractors} other pictures: ${falsePairs} false pairs`,
    ...groups.map(({ files }) => `  one picture: ${files.join(", ")}`),
    ...(alone.length > 0 ? [`  alone: ${alone.join(", ")}`] : []),
    ...(broken.length > 0 ? [`  unreadable: ${broken.join(", ")}`] : []),
  ].join("\n");
}

function partsOf(text: string): Part[] {
  return text.split(",").map((word) => {
    const part = parts.find((one) => one === word.trim());
    if (!part) throw new UsageError(`--only: "${word}" is none of ${parts.join(", ")}`);
    return part;
  });
}

export const command = defineCommand(benchDedup, async ({ args, note }) => {
  const chosen = args.only === undefined ? [...parts] : partsOf(args.only);
  for (const part of ["judged", "ladder"] as const) {
    if (args.only !== undefined && chosen.includes(part) && args[part] === undefined)
      throw new UsageError(`--only ${part} needs --${part}=FOLDER`);
  }
  const seed = wholeNumber(args.seed, "seed");
  const [hashes, distance] = [wholeNumber(args.hashes, "hashes", 2), wholeNumber(args.distance, "distance")];
  const size = wholeNumbers(args.embeddings, "embeddings", 1);
  if (size.length !== 2) throw new UsageError(`--embeddings: "${args.embeddings}" is not ROWS,COLUMNS`);
  const floor = Number(args.floor);
  if (!(floor > 0.001 && floor <= 1)) throw new UsageError(`--floor: "${args.floor}" is not a cosine above 0.001`);
  const threshold = args.threshold === undefined ? undefined : Number(args.threshold);
  const threads = args.threads === undefined ? {} : { threads: wholeNumber(args.threads, "threads", 1) };
  const document: {
    hamming?: HammingSpeed;
    embeddings?: EmbeddingSpeed[];
    judged?: JudgedBench;
    ladders?: LadderBench[];
    edited?: EditedBench[];
  } = {};
  const texts: string[] = [];
  if (chosen.includes("speed")) {
    note(`${hashes} hashes`);
    document.hamming = await benchHamming(hashes, distance, seed);
    document.embeddings = await benchEmbeddings(size[0]!, size[1]!, { floor, seed, ...threads }, note);
    texts.push([hammingText(document.hamming), ...document.embeddings.map(embeddingText)].join("\n"));
  }
  if (chosen.includes("judged") && args.judged !== undefined) {
    note("judged pairs");
    document.judged = await benchJudged(args.judged);
    texts.push(judgedText(document.judged));
    if (args.chart !== undefined) {
      await writeFile(args.chart, precisionRecallChart(document.judged));
      texts.push(`${args.chart}: precision over recall`);
    }
  }
  if (chosen.includes("ladder") && args.ladder !== undefined) {
    document.ladders = [];
    for (const folder of args.ladder.split(",")) {
      note(folder);
      document.ladders.push(await benchLadder(folder, args.source));
    }
    append(texts, document.ladders.map(ladderText));
  }
  if (chosen.includes("edited")) {
    const [originals, copies] = [wholeNumber(args.originals, "originals", 2), wholeNumber(args.copies, "copies", 1)];
    document.edited = [];
    for (const spec of args.source.split(","))
      document.edited.push(await benchEdited(spec, originals, copies, seed, threshold, note));
    append(texts, document.edited.map(editedText));
  }
  return { document, text: texts.join("\n\n") };
});
