/** The benchmark as a whole on an embedded task: equal to a plain computation, resumed after kill -9, shared by processes and ranks. */

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openContext } from "../../../src/benchmarks/vtab/context.js";
import { embeddedTasks } from "../../../src/benchmarks/vtab/embedded/index.js";
import {
  methodNamed,
  planVtab,
  publishedTasks,
  runSuite,
  type SuiteMethod,
  type SuiteOptions,
  type SuiteReport,
  suiteHtml,
  tableText,
} from "../../../src/benchmarks/vtab/index.js";
import { planJobs, runJobs } from "../../../src/benchmarks/vtab/protocol/jobs.js";
import { cutPart, cutTrain1000 } from "../../../src/benchmarks/vtab/protocol/protocol.js";
import type { ImageSource } from "../../../src/data/index.js";
import { imageFeatures, open } from "../../../src/networks/index.js";
import { ridgeClassifier } from "../../../src/transfer/index.js";
import { fovea } from "../../support/command-line.js";
import { trainTiny } from "../../support/trained-run.js";

const root = mkdtempSync(join(tmpdir(), "fovea-suite-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const options: SuiteOptions = {
  suite: "embedded",
  backbone: "pixels:4",
  tasks: ["sign-digits"],
  method: "ridge",
  sweep: "none",
  seeds: [0, 1],
  seededDraws: true,
  folder: join(root, "plain"),
  silent: true,
};

/** Every file below a folder with the time it was written. */
function files(folder: string): Map<string, number> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    found.map(({ parentPath, name }) => [
      join(parentPath, name).slice(folder.length),
      statSync(join(parentPath, name)).mtimeMs,
    ]),
  );
}

const accuracies = ({ tasks }: SuiteReport) =>
  tasks.map(({ name, seeds }) => [name, seeds.map(({ accuracy }) => accuracy)]);

let plain: SuiteReport;
beforeAll(async () => {
  plain = await runSuite(options);
});

describe("a benchmark", () => {
  it("comes to what the ridge alone comes to", async () => {
    const task = embeddedTasks.find(({ name }) => name === "sign-digits")!;
    const backbone = await open("pixels:4");
    const splits = await task.open();
    const features = async (source: ImageSource) => await imageFeatures(backbone, source);
    const test = await features(cutPart(splits, "test", 0));
    for (const seed of [0, 1]) {
      const train = await features(cutTrain1000(splits, seed));
      const { predict } = ridgeClassifier({ features: train.features, labels: train.labels, classes: 10 });
      const guesses = predict(test.features);
      const right = guesses.filter((guess, i) => guess === test.labels[i]).length;
      expect(plain.tasks[0]!.seeds[seed]).toMatchObject({ accuracy: right / 562, images: 562, setting: { l2: 1024 } });
    }
    expect(plain.tasks[0]).toMatchObject({ train: 1000, validation: 200, test: 562 });
    for (const source of Object.values(splits)) await source.close();
    await backbone.close();
  });

  it("does nothing again", async () => {
    const before = files(options.folder);
    const again = await runSuite(options);
    expect(accuracies(again)).toEqual(accuracies(plain));
    expect(files(options.folder)).toEqual(before);
    // Results stand without the features they came from.
    rmSync(join(options.folder, "features"), { recursive: true });
    expect(accuracies(await runSuite(options))).toEqual(accuracies(plain));
    expect([...files(options.folder).keys()].every((name) => name.startsWith("/results/"))).toBe(true);
  });

  it("chooses by the validation images", async () => {
    const folder = join(root, "sweep");
    const report = await runSuite({ ...options, folder, method: "knn", sweep: "light", seeds: [0] });
    expect(report.settings).toBeGreaterThan(1);
    const tried = [...files(folder).keys()].filter((name) => name.includes("/select-"));
    expect(tried).toHaveLength(report.settings);
  });

  it("goes on after kill -9 with what was not done", async () => {
    const folder = join(root, "killed");
    const words = ["vtab", "--suite", "embedded", "--backbone", "pixels:4", "--baseline", "none"];
    const more = ["--tasks", "sign-digits", "--seeds", "0,1", "--output", folder];
    const bin = fileURLToPath(new URL("../../../bin/fovea.js", import.meta.url));
    const child = spawn(process.execPath, [bin, ...words, ...more], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    const written = (): string[] => {
      try {
        return [...files(folder).keys()].filter((name) => name.endsWith(".safetensors") && !name.includes(".writing"));
      } catch {
        return [];
      }
    };
    while (written().length < 2 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    const before = files(folder);
    expect([...before.keys()].some((name) => name.includes("final-seed1"))).toBe(false);
    const kept = [...before].filter(([name]) => !name.includes(".writing"));
    expect(accuracies(await runSuite({ ...options, folder }))).toEqual(accuracies(plain));
    const after = files(folder);
    for (const [name, time] of kept) expect(after.get(name), name).toBe(time);
  });

  it("is the same shared by two processes, and by two ranks", async () => {
    const shared = await runSuite({ ...options, folder: join(root, "processes"), processes: 2, threads: 1 });
    expect(accuracies(shared)).toEqual(accuracies(plain));
    const folder = join(root, "ranks");
    const ranks = await Promise.all([0, 1].map((rank) => runSuite({ ...options, folder, rank: { rank, size: 2 } })));
    expect(accuracies(ranks[0]!)).toEqual(accuracies(plain));
  });

  it("hands training methods the images and keeps what they come to", async () => {
    const { kind, ...rest } = methodNamed("finetune-vtab");
    if (kind !== "images") throw new Error("fine-tuning works on images");
    const settings = [{ learningRate: 0.01, steps: 4, batchSize: 8 }];
    const context = await openContext({
      suite: "embedded",
      tasks: embeddedTasks,
      method: { ...rest, kind, settings } as SuiteMethod,
      settings,
      seededDraws: false,
      backbone: await trainTiny(join(root, "run")),
      imageSize: 16,
      folder: join(root, "trained"),
      threads: 1,
    });
    const tasks = embeddedTasks.filter(({ name }) => name === "sign-digits");
    const jobs = planJobs({ tasks, features: false, seeds: [0], seededDraws: false, settings });
    expect(jobs.map(({ kind: of }) => of)).toEqual(["final"]);
    await runJobs(jobs, [context], { isDone: (job) => context.isDone(job) });
    const found = await context.finalResult("sign-digits", 0);
    expect(found).toMatchObject({ images: 562, unreadable: 0, setting: settings[0] });
    expect(found!.accuracy * 562).toBeCloseTo(Math.round(found!.accuracy * 562), 6);
    await context.close();
  });

  it("is printed and reported with its means", () => {
    const lines = tableText(plain, undefined);
    expect(lines[0]).toMatch(/task +accuracy % +chance/);
    expect(lines.some((line) => /Sign-Digits +\d+\.\d ± \d+\.\d +10\.0/.test(line))).toBe(true);
    expect(lines.at(-1)).toMatch(/mean of 1 /);
    const page = suiteHtml(plain, undefined, "fovea vtab");
    expect(page).toContain("Sign-Digits");
    // A long path would not fit a headline.
    const other = { ...plain, backbone: { ...plain.backbone, spec: "a/long/path/to/model.onnx" } };
    expect(suiteHtml(other, undefined, "fovea vtab")).toContain("<h1>The embedded suite: model.onnx</h1>");
    expect(page).toContain("not comparable with published");
  });
});

describe("fovea vtab", () => {
  it("says what is wrong with its words", async () => {
    for (const [words, message] of [
      [["--suite", "vtap"], /--suite: expected vtab or embedded, given "vtap"/],
      [["--suite", "embedded", "--tasks", "sign-digit"], /unknown task "sign-digit"; did you mean "sign-digits"/],
      [["--method", "rigde"], /unknown method "rigde"/],
      [["--seeds", "1,1"], /--seeds: 1 is given twice; give each once/],
      [["--data", join(root, "nowhere")], /there is no folder/],
    ] as const) {
      const { status, stderr } = await fovea("vtab", "--backbone", "pixels:4", ...words);
      expect(status).not.toBe(0);
      expect(stderr).toMatch(message);
    }
  });

  it("says where to get each of the 19 sets", async () => {
    const { status, stdout } = await fovea("vtab", "--backbone", "pixels:4", "--json");
    expect(status).toBe(1);
    const { missing } = JSON.parse(stdout) as {
      readonly missing: readonly { readonly name: string; readonly reason: string }[];
    };
    expect(missing.map(({ name }) => name)).toEqual(publishedTasks);
    for (const { reason } of missing) expect(reason).toMatch(/https?:/);
  });

  it("plans without running", async () => {
    const { status, stdout } = await fovea(
      ...["vtab", "--suite", "embedded", "--backbone", "pixels:4", "--dry-run", "--json", "--seeds", "0,1"],
    );
    expect(status).toBe(0);
    const plan = JSON.parse(stdout) as {
      readonly tasks: readonly unknown[];
      readonly images: number;
      readonly fits: number;
    };
    expect(plan.tasks).toHaveLength(embeddedTasks.length);
    // 1,000 to learn from for each seed, and the test sets once.
    const test = embeddedTasks.reduce((sum, { sizes }) => sum + sizes.test, 0);
    expect(plan.images).toBe(2 * 1000 * embeddedTasks.length + test);
    expect(plan.fits).toBe(2 * embeddedTasks.length);
  });
});

it("reports which files of a folder the embedded suite has added, and which it did not find", async () => {
  const data = mkdtempSync(join(root, "tars-"));
  writeFileSync(join(data, "wbc-96.tar"), "");
  const notes: string[] = [];
  const { suite, tasks, seeds } = options;
  const plan = await planVtab("pixels:4", { suite, tasks, seeds, data, note: (text) => void notes.push(text) });
  expect(plan.tasks.map(({ name }) => name)).toEqual(["sign-digits"]);
  expect(notes).toEqual([
    `${data}: added wbc-96.tar to the suite`,
    `${data} has no dtd10-128.tar, flowers5-96.tar, gtsrb-64.tar, rsscn7-96.tar; these tasks are not measured`,
  ]);
});
