/** The progress line, with a clock and a stream of the test's own. */
import { expect, test } from "vitest";
import { type ProgressOptions, startProgress } from "../../src/text/progress.js";

function make(options: Partial<ProgressOptions> & { isTTY?: boolean; columns?: number } = {}) {
  const { isTTY = false, columns = 80, ...rest } = options;
  let written = "";
  let clock = 0;
  const stream = {
    isTTY,
    columns,
    write: (text: string) => {
      written += text;
    },
  };
  const progress = startProgress({ total: 100, batchSize: 8, stream, now: () => clock, ...rest });
  return {
    progress,
    pass: (milliseconds: number) => {
      clock += milliseconds;
    },
    taken: () => {
      const text = written;
      written = "";
      return text;
    },
  };
}

test("a log gets a line at first, one every ten seconds, and the last state", () => {
  const { progress, pass, taken } = make();
  for (let step = 1; step <= 100; step++) {
    pass(250);
    progress.update(step, { loss: 2 / step });
  }
  progress.finish();
  progress.finish();
  expect(taken().split("\n")).toEqual([
    "step 1/100  1 %  loss 2.000  32 images/s  25 s left",
    "step 41/100  41 %  loss 0.0488  32 images/s  15 s left",
    "step 81/100  81 %  loss 0.0247  32 images/s  4.8 s left",
    "step 100/100  100 %  loss 0.0200  32 images/s  done",
    "",
  ]);
});

test("a terminal is rewritten in place, at most ten times a second, within one row", () => {
  const { progress, pass, taken } = make({ isTTY: true, columns: 24 });
  for (let step = 1; step <= 20; step++) {
    pass(20);
    progress.update(step, { loss: 1.5 });
  }
  const text = taken();
  const frames = text.split("\r\x1b[2K").slice(1);
  expect(frames).toHaveLength(4);
  expect(frames[0]).toBe("step 1/100  1 %  loss 1");
  for (const frame of frames) expect(frame.length).toBeLessThan(24);
  expect(text).not.toContain("\n");
  progress.finish();
  expect(taken()).toMatch(/\n$/);
});

test("a note stands on its own line above the progress line", () => {
  const live = make({ isTTY: true });
  live.pass(1000);
  live.progress.update(1);
  live.taken();
  live.progress.note("saved");
  expect(live.taken()).toBe("\r\x1b[2Ksaved\n\r\x1b[2Kstep 1/100  1 %  8.0 images/s  1 min 39 s left");
  const plain = make();
  plain.progress.note("saved");
  expect(plain.taken()).toBe("saved\n");
});

test("speed follows the last twenty seconds", () => {
  const { progress, pass, taken } = make({ total: 1000 });
  for (let step = 1; step <= 100; step++) {
    pass(100);
    progress.update(step);
  }
  taken();
  for (let step = 101; step <= 150; step++) {
    pass(1000);
    progress.update(step);
  }
  progress.finish();
  expect(taken().trim().split("\n").at(-1)).toBe("step 150/1000  15 %  8.0 images/s  14 min 10 s left");
});

test("a resumed run measures the speed of what it did itself", () => {
  const { progress, pass, taken } = make({ start: 90 });
  pass(1000);
  progress.update(91);
  expect(taken()).toBe("step 91/100  91 %  8.0 images/s  9.0 s left\n");
});

test("silent says nothing", () => {
  const { progress, pass, taken } = make({ silent: true, isTTY: true });
  pass(1000);
  progress.update(5, { loss: 1 });
  progress.note("x");
  progress.finish();
  expect(taken()).toBe("");
});

test("numbers of any size are readable", () => {
  const { progress, pass, taken } = make({ batchSize: 4096 });
  pass(1000);
  progress.update(3, { loss: Number.NaN, rate: 1.234e-5, big: 123456, mid: 42.4242, zero: 0 });
  expect(taken()).toBe(
    "step 3/100  3 %  loss NaN  rate 1.2e-5  big 1.2e+5  mid 42.424  zero 0.0000  12.3k images/s  32 s left\n",
  );
});

test("bytes have a label, a rate in bytes and the time left; what is for terminals only is silent in a log", () => {
  const download = {
    total: 88_200_000,
    start: 20_000_000,
    unit: "byte",
    label: "model.safetensors",
    terminalOnly: true,
  };
  const { progress, pass, taken } = make({ ...download, batchSize: undefined, isTTY: true });
  pass(1000);
  progress.update(24_000_000);
  expect(taken()).toBe("\r\x1b[2Kmodel.safetensors 24.0 MB/88.2 MB  27 %  4.00 MB/s  16 s left");
  progress.finish();
  const log = make({ ...download, batchSize: undefined });
  log.pass(20_000);
  log.progress.update(24_000_000);
  log.progress.finish();
  expect(log.taken()).toBe("");
});
