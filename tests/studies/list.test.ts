/** Every study of the list: its declaration, its plan at every scale, and its figures and verdict from a table. */
import { describe, expect, test } from "vitest";
import { fractals } from "../../src/studies/framework/data.js";
import { lastValue } from "../../src/studies/framework/study.js";
import {
  type JobResult,
  type Row,
  type Study,
  type StudyContext,
  scaleNames,
  scales,
  studies,
  studyNamed,
} from "../../src/studies/index.js";
import type { Recipe } from "../../src/train/index.js";
import { plannedData as data } from "../support/study-data.js";

const context = (name: (typeof scaleNames)[number]): StudyContext => ({ scale: scales[name], seeds: [0, 1, 2], data });

/** A result as a job would give it, with values that differ between jobs and fall with the seed. */
function invented(id: string, y: number, i: number): JobResult {
  const speeds = Object.fromEntries(
    [64, 256, 512].flatMap((side) => [
      [`S/16 at ${side} px`, y / side ** 2.2],
      [`R50x1 at ${side} px`, 0.5 / side ** 2],
      [`S/16, GFLOPs at ${side} px`, side ** 2.1],
      [`R50x1, GFLOPs at ${side} px`, side ** 2],
      [`S/16, attention share at ${side} px`, side / 1000],
      [`S/16, largest batch at ${side} px`, 1e6 / side],
    ]),
  );
  const transferred = { "ridge@1": y, "fine-tuning@1": y - 0.1, "ridge@25": 1.2 * y, "fine-tuning@25": 1.3 * y };
  const values = {
    ...speeds,
    "accuracy, 0.5 px from a border": y,
    "accuracy, 1.5 px from a border": 1.1 * y,
    "similarity, 0.5 px from a border": 0.8,
    "similarity, 1.5 px from a border": 1,
    kept: y,
    clean: y,
    corrupted: 0.7 * y,
    fewshot5: y,
    fewshot10: y,
    fewshot25: y,
    upstream: y,
    loss: 1,
    agreement: y,
    agreementOfMistakes: y,
    similarity: y,
    ...transferred,
  };
  const measurements = [0.25, 0.5, 1].map((part) => ({
    images: scales.minutes.examples * part,
    flops: 1e9 * part * 10 ** (i % 7),
    seconds: part,
    values,
  }));
  return { id, title: id, settings: {}, measurements, details: { parameters: 1000 * (1 + (i % 5)) } };
}

function tableOf(study: Study): Row[] {
  return study.runs(context("minutes")).flatMap((run, i) =>
    (study.rows ?? lastValue)(run, invented(run.job.id, 0.3 + 0.01 * (i % 17) + 0.001 * run.seed, i)).map((point) => ({
      job: run.job.id,
      seed: run.seed,
      ...point,
      series: point.series ?? run.series,
      x: point.x ?? run.x ?? point.images,
    })),
  );
}

test("numbers and names are unique, and numbers ascend", () => {
  const numbers = studies.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect(new Set(studies.map(({ name }) => name)).size).toBe(studies.length);
  expect(studyNamed("positions")).toBe(studyNamed("10"));
  expect(() => studyNamed("postions")).toThrow(/did you mean "positions"/);
});

describe.each(studies.map((study) => [study.name, study] as const))("%s", (_, study) => {
  test("declares everything before it runs", () => {
    const { question, claim, prediction, measure, varies, fixed, rule, smallestEffect } = study;
    expect(question).toMatch(/\?$/);
    for (const text of [claim.text, claim.source, prediction, measure, varies, fixed, rule]) {
      expect(text.length).toBeGreaterThan(5);
    }
    expect(smallestEffect).toBeGreaterThan(0);
  });

  test.each(scaleNames)("plans its runs at the scale %s, different settings as different jobs", (name) => {
    const runs = study.runs(context(name));
    expect(runs.length).toBeGreaterThan(1);
    const places = new Map<string, string>();
    for (const { series, x, seed, job } of runs) {
      expect(job.id).toMatch(/^[0-9a-f]{16}$/);
      const place = `${series} ${x} ${seed} ${job.title}`;
      expect(places.get(place) ?? job.id).toBe(job.id);
      places.set(place, job.id);
    }
    expect(runs.some(({ seed }) => seed === 2)).toBe(true);
  });

  test("draws its figures and judges from the table alone", async () => {
    const rows = tableOf(study);
    for (const { draw, title } of await study.figures(rows)) {
      expect(title.length).toBeGreaterThan(5);
      for (const width of [350, 920]) expect(draw(width)).toMatch(/^<svg /);
    }
    const { decision, effect, n, text, next } = await study.judge(rows);
    expect(["supports", "contradicts", "cannot tell"]).toContain(decision);
    expect(Number.isFinite(effect)).toBe(true);
    expect(n).toBe(3);
    expect(text.length).toBeGreaterThan(20);
    expect(next.length).toBeGreaterThan(5);
  });
});

test("fractals have FractalDB's size for large images, and its density of points at three times the side of small ones", () => {
  const drawn = (imageSize: number) => fractals(imageSize).split("?")[1]!.split("&").slice(2).join(" ");
  expect(drawn(224)).toBe("size=362 points=200000 padding=6");
  expect(drawn(32)).toBe("size=96 points=14066 padding=2");
});

test("upstream: every task sees the same number of images, S4L half of them without labels", () => {
  const runs = studyNamed("upstream").runs(context("minutes"));
  const seenBy = (series: string) => {
    const { recipe } = runs.find((run) => run.series.startsWith(series))!.job.settings as { recipe: Recipe };
    return recipe.total;
  };
  const { examples } = scales.minutes;
  expect(seenBy("supervised")).toEqual({ examples });
  expect(seenBy("self-supervised")).toEqual({ examples });
  expect(seenBy("semi-supervised")).toEqual({ examples: examples / 2 });
});
