/** The progress of a long run on the terminal: speed, loss, position and time left; rewritten in place, or as plain lines in a log. */
import { formatCount, formatDuration } from "./format.js";
import { printable } from "./printable.js";

export { formatBytes, formatCount, formatDuration } from "./format.js";

/** What a progress line needs of a stream; `process.stderr` fits. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

export interface ProgressOptions {
  /** Steps of the whole run. */
  total: number;
  /** Steps finished before this process began, when resumed. */
  start?: number;
  /** What a step is called; default: "step". */
  unit?: string;
  /** Images per step; without it no images/s are shown. */
  batchSize?: number;
  /** Prints nothing, as with `--json`. */
  silent?: boolean;
  stream?: ProgressStream;
  /** Milliseconds of some clock. */
  now?: () => number;
}

export interface Progress {
  /** Tells the finished steps and any numbers to show (`{ loss: 2.31 }`). Cheap: draws a few times a second at most. */
  update(step: number, values?: Readonly<Record<string, number>>): void;
  /** Prints a line of its own above the progress line. */
  note(text: string): void;
  /** Draws the last state and ends the line. Safe to call twice. */
  finish(): void;
}

/** Starts a progress display; `startProgress` is one. */
export type StartProgress = (options: ProgressOptions) => Progress;

/** A progress display that shows nothing. */
export const noProgress: StartProgress = () => ({ update() {}, note() {}, finish() {} });

/** What a function that takes long reports to its caller, and how the caller stops it. */
export interface Hooks {
  /** Stops the function when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Receives single lines that are not the result, such as warnings. Default: nothing is reported. */
  readonly note?: ((text: string) => void) | undefined;
  /** Starts the display of a part of the work. Default: nothing is shown. */
  readonly progress?: StartProgress | undefined;
}

/** Runs a pass over images with a progress display: images done and in all, images a second, time left. */
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

/** A terminal is redrawn this often, in milliseconds. */
const redrawInterval = 100;
/** A log gets a line this often, in milliseconds. */
const lineInterval = 10_000;
/** Speed is measured over this many milliseconds, so that it follows the run but does not jitter. */
const speedWindow = 20_000;

/**
 * Starts the progress of a run, by default on stderr.
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
    silent = false,
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

  const stepsPerSecond = (): number => {
    const first = samples[0]!;
    const last = samples.at(-1)!;
    return last.time > first.time ? ((last.step - first.step) * 1000) / (last.time - first.time) : Number.NaN;
  };

  const line = (): string => {
    const speed = stepsPerSecond();
    const share = total > 0 ? Math.floor((100 * step) / total) : 100;
    const parts = [`${unit} ${step}/${total}`, `${share} %`];
    for (const [name, value] of Object.entries(values)) parts.push(`${name} ${formatMetric(value)}`);
    if (speed > 0) {
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
    // One row only: a wrapped line could not be rewritten.
    if (live) stream.write(`\r\x1b[2K${text.slice(0, Math.max(10, (stream.columns ?? 80) - 1))}`);
    else stream.write(`${text}\n`);
  };

  return {
    update(finishedSteps, newValues) {
      const time = now();
      step = finishedSteps;
      if (newValues) values = newValues;
      samples.push({ time, step });
      // The oldest sample kept is the last one before the window, so that the window is always full.
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

/** Four digits for a metric, whatever its size: `2.310`, `0.0314`, `1.2e-5`. */
function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1);
  return value.toFixed(size < 0.1 ? 4 : size < 100 ? 3 : 1);
}

function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}
