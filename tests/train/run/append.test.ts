/** What is said when the open files of a run cannot be written. */
import { closeSync, existsSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { appendBytes, MetricsWriter } from "../../../src/train/run/metrics.js";

const full = "/dev/full";

test("a full disk is named with the file and what to do", ({ skip }) => {
  skip(!existsSync(full), `this system has no ${full}`);
  const descriptor = openSync(full, "a");
  try {
    expect(() => appendBytes("runs/one/metrics.jsonl", descriptor, Buffer.from("{}\n"))).toThrow(
      "runs/one/metrics.jsonl could not be written: the disk is full; free space and continue with --resume",
    );
  } finally {
    closeSync(descriptor);
  }
});

test("a folder that is none is an error of its path", async () => {
  await expect(MetricsWriter.open(`${full}/metrics.jsonl`)).rejects.toThrow(/\/dev\/full/);
});
