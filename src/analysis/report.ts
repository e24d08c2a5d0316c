/** Runs analyses of one network and writes one HTML report, the numbers as JSON and each chart as SVG and PNG. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../files/folder.js";
import { svgToPng } from "../images/index.js";
import { chartFigure, heading, htmlReport, paragraph, type Section } from "../report/index.js";
import { didYouMean } from "../text/nearest.js";
import type { Analysis, AnalysisOptions, AnalysisResult } from "./framework/analysis.js";
import { checkChoice } from "./framework/choice.js";
import { openSubject, type Subject, type SubjectOptions } from "./framework/subject.js";
import { analyses } from "./list/index.js";

/** Options of `analyse`. */
export interface AnalyseOptions extends SubjectOptions, AnalysisOptions {
  /** Names of analyses. Default: all but those that take long (`onlyByName`). */
  readonly only?: readonly string[] | undefined;
  /** Another network, whose layers are compared with those of the first on the same images, each at its own image size. */
  readonly compare?: string | undefined;
  /** Folder of the report. Default: `runs/inspect`. */
  readonly output?: string | undefined;
}

/** What was found of a network. */
export interface NetworkAnalysis {
  readonly spec: string;
  readonly images: { readonly name: string; readonly count: number };
  readonly results: readonly (AnalysisResult & { readonly name: string; readonly title: string })[];
  /** Analyses that do not apply, with what the network has instead. */
  readonly unavailable: readonly { readonly name: string; readonly reason: string }[];
  /** Files that were written, the report first. */
  readonly files: readonly string[];
  readonly seconds: number;
}

/** The analyses of the names; without names, all but those that run only by name. Throws RangeError for an unknown one, naming the nearest. */
export function analysesNamed(names: readonly string[] | undefined): readonly Analysis[] {
  if (names === undefined) return analyses.filter(({ onlyByName = false }) => !onlyByName);
  return names.map((name) => {
    const found = analyses.find((one) => one.name === name);
    const known = analyses.map((one) => one.name);
    if (!found)
      throw new RangeError(
        `unknown analysis "${name}"${didYouMean(name, known) || ";"} available: ${known.join(", ")}`,
      );
    return found;
  });
}

const chartWidth = 720;

/**
 * Analyses a network: `report.html`, `analysis.json` and every chart as SVG and PNG in a folder. Throws what
 * `openSubject` and the disk throw, and RangeError for a layer or a patch that the network does not have.
 *
 * @example const { results } = await analyse("runs/one", { images: "photos/", only: ["attention-distance"] });
 */
export async function analyse(spec: string, options: AnalyseOptions = {}): Promise<NetworkAnalysis> {
  const started = performance.now();
  const { output = "runs/inspect", note, signal } = options;
  const chosen = analysesNamed(options.only);
  await using subject = await openSubject(spec, options);
  checkChoice(subject, options);
  await using other = await openCompared(chosen, options);
  makeFolder(output);
  const results: NetworkAnalysis["results"][number][] = [];
  const unavailable: { name: string; reason: string }[] = [];
  const files: string[] = [];
  for (const analysis of chosen) {
    signal?.throwIfAborted();
    const { name, title } = analysis;
    const reason = analysis.unavailable(subject);
    if (reason !== undefined) {
      unavailable.push({ name, reason });
      continue;
    }
    note?.(title);
    const result = await analysis.run(subject, { ...options, compared: other.subject });
    results.push({ name, title, ...result });
    for (const [i, { draw }] of result.charts.entries()) {
      const path = join(output, `${name}${i === 0 ? "" : `-${i + 1}`}`);
      const svg = draw(chartWidth);
      await writeFile(`${path}.svg`, svg);
      await writeFile(`${path}.png`, await svgToPng(svg));
      files.push(`${path}.svg`, `${path}.png`);
    }
  }
  const seconds = (performance.now() - started) / 1000;
  const { name, count } = subject.images;
  const found = { spec, images: { name, count }, results, unavailable, seconds };
  const [page, numbers] = [join(output, "report.html"), join(output, "analysis.json")];
  await writeFile(page, analysisHtml(subject, found));
  await writeFile(numbers, `${JSON.stringify(toJson(found))}\n`);
  return { ...found, files: [page, numbers, ...files] };
}

/** Opens the network to compare with, if there is one. Throws RangeError if no chosen analysis compares. */
async function openCompared(chosen: readonly Analysis[], { compare, imageSize: _, ...options }: AnalyseOptions) {
  if (compare === undefined) return { subject: undefined, [Symbol.asyncDispose]: async () => {} };
  if (!chosen.some(({ compares }) => compares)) {
    const names = analyses.filter(({ compares }) => compares).map(({ name }) => name);
    throw new RangeError(
      `compare is used by the analysis ${names.join(", ")}, which is not chosen; add it, or omit compare`,
    );
  }
  const subject = await openSubject(compare, options);
  return { subject, [Symbol.asyncDispose]: () => subject.close() };
}

/** The findings as JSON values, without the functions that draw. */
export function toJson({ results, ...rest }: Omit<NetworkAnalysis, "files">): unknown {
  const plain = (value: unknown): unknown => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value);
  const named = results.map(({ name, title, text, data }) => ({ name, title, text, data }));
  return JSON.parse(JSON.stringify({ ...rest, results: named }, (_, value: unknown) => plain(value))) as unknown;
}

function analysisHtml(subject: Subject, { spec, results, unavailable }: Omit<NetworkAnalysis, "files">): string {
  const sections: Section[] = results.map(({ title, text, charts }) => ({
    title,
    content: [
      paragraph(text),
      ...charts.flatMap((chart) => [heading(chart.title), chartFigure((width) => chart.draw(width), chart.caption)]),
    ],
  }));
  if (unavailable.length > 0) {
    sections.push({
      title: "Not available",
      content: unavailable.map(({ name, reason }) => paragraph(`${name}: ${reason}`)),
    });
  }
  const { imageShape, images, config } = subject;
  return htmlReport({
    title: `Inside ${spec}`,
    lead: `${config.family}, images of ${imageShape[0]} x ${imageShape[1]} pixels; analysed on ${images.count} images of ${images.name}.`,
    sections,
  });
}
