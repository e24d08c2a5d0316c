/** Displays the progress of a long run: speed, loss, position and remaining time; rewritten in place on a terminal, or as plain lines in a log. */
import { formatBytes, formatCount, formatDuration } from "./format.js";
import { printable } from "./printable.js";

export { formatBytes, formatCount, formatDuration } from "./format.js";

/** The interface of an output stream that a progress line needs; `process.stderr` implements it. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface ProgressOptions {
  /** Number of steps of the whole run. */
  total: number;
  /** Number of steps finished before this process started, if the run was resumed. */
  start?: number;
  /** Unit of a step. Default: "step"; numbers of "byte" are formatted as such. */
  unit?: string;
  /** What is counted, in front of the line. Default: the unit. */
  label?: string;
  /** Print nothing where the line cannot be rewritten in place. */
  terminalOnly?: boolean;
  /** Images per step; without it, images/s are not shown. */
  batchSize?: number;
  /** Print nothing, as with `--json`. */
  silent?: boolean;
  stream?: ProgressStream;
  /** Clock in milliseconds. */
  now?: () => number;
}

export interface Progress {
  /** Reports the finished steps and numbers to show (`{ loss: 2.31 }`). It is cheap: the display is updated at most a few times a second. */
  update(step: number, values?: Readonly<Record<string, number>>): void;
  /** Prints a separate line above the progress line. */
  note(text: string): void;
  /** Shows the last state and ends the line. It may be called twice. */
  finish(): void;
}

/** Starts a progress display, like `startProgress`. */
export type StartProgress = (options: ProgressOptions) => Progress;

/** A progress display that shows nothing. */
export const noProgress: StartProgress = () => ({ update() {}, note() {}, finish() {} });

/** How a long-running function reports to its caller, and how the caller stops it. */
export interface Hooks {
  /** Stops the function when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Receives single lines besides the result, such as warnings. Default: nothing is reported. */
  readonly note?: ((text: string) => void) | undefined;
  /** Starts the display of a part of the work. Default: nothing is shown. */
  readonly progress?: StartProgress | undefined;
}

/** Runs a pass over images with a progress display: images done, total, images per second, remaining time. */
export async function withProgress<T>(
  start: StartProgress | undefined,
  total: number,
  pass: (onProgress: (done: number) => void) => Promise<T>,
): Promise<T> {
  const progress = (start ?? noProgress)({ total, unit: "image", batchSize: 1 });
  try {
    return await pass((done) => progress.update(done));
  } finally {
    progress.finish();
  }
}

/** Interval in milliseconds between updates on a terminal. */
const redrawInterval = 100;
/** Interval in milliseconds between lines in a log. */
const lineInterval = 10_000;
/** Window in milliseconds over which the speed is measured, so that it follows the run without jitter. */
const speedWindow = 20_000;

/**
 * Starts the progress display of a run, by default on stderr.
 *
 * @example
 * const progress = startProgress({ total: 1000, batchSize: 128 });
 * progress.update(10, { loss: 2.31 }); // step 10/1000  1 %  loss 2.310  412 images/s  5 min 08 s left
 * progress.finish();
 */
export function startProgress(options: ProgressOptions): Progress {
  const {
    total,
    unit = "step",
    batchSize,
    label = unit,
    stream = process.stderr,
    now = () => performance.now(),
  } = options;
  const start = options.start ?? 0;
  const samples: { time: number; step: number }[] = [{ time: now(), step: start }];
  let step = start;
  let values: Readonly<Record<string, number>> = {};
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = "";
  let finished = false;
  const live = stream.isTTY === true;
  const silent = options.silent === true || (options.terminalOnly === true && !live);
  const isBytes = unit === "byte";
  const amount = isBytes ? formatBytes : String;

  const stepsPerSecond = (): number => {
    const first = samples[0]!;
    const last = samples.at(-1)!;
    return last.time > first.time ? ((last.step - first.step) * 1000) / (last.time - first.time) : Number.NaN;
  };

  const line = (): string => {
    const speed = stepsPerSecond();
    const share = total > 0 ? Math.floor((100 * step) / total) : 100;
    const parts = [`${label} ${amount(step)}/${amount(total)}`, `${share} %`];
    for (const [name, value] of Object.entries(values)) parts.push(`${name} ${formatMetric(value)}`);
    if (speed > 0) {
      if (isBytes) parts.push(`${formatBytes(speed)}/s`);
      if (batchSize) parts.push(`${formatRate(speed * batchSize)} images/s`);
      parts.push(step < total ? `${formatDuration((total - step) / speed)} left` : "done");
    }
    return parts.join("  ");
  };

  const draw = (): void => {
    if (silent) return;
    drawnAt = now();
    const text = line();
    if (text === drawn) return;
    drawn = text;
    // Limited to one row, because a wrapped line could not be rewritten.
    if (live) stream.write(`\r\x1b[2K${text.slice(0, Math.max(10, (stream.columns || 80) - 1))}`);
    else stream.write(`${text}\n`);
  };

  return {
    update(finishedSteps, newValues) {
      const time = now();
      step = finishedSteps;
      if (newValues) values = newValues;
      samples.push({ time, step });
      // The oldest sample is the last one before the window, so that the window is always full.
      while (samples.length > 2 && time - samples[1]!.time >= speedWindow) samples.shift();
      if (time - drawnAt >= (live ? redrawInterval : lineInterval)) draw();
    },
    note(text) {
      if (silent) return;
      stream.write(live ? `\r\x1b[2K${printable(text)}\n` : `${printable(text)}\n`);
      if (live && drawn !== "") {
        drawn = "";
        draw();
      }
    },
    finish() {
      if (finished) return;
      finished = true;
      draw();
      if (live && !silent && drawn !== "") stream.write("\n");
    },
  };
}

/** Formats a metric with four characters, whatever its magnitude: `2.310`, `0.0314`, `1.2e-5`. */
function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return value.toFixed(size < 0.1 ? 4 : size < 100 ? 3 : 1);
}

function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}
