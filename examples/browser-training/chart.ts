/** The curve of the loss, as SVG. */

/** Values of all steps, kept as at most `limit` means of equally many steps. */
export class History {
  readonly means: number[] = [];
  /** Steps of each mean. */
  stride = 1;
  private readonly waiting: number[] = [];

  constructor(private readonly limit = 400) {}

  add(value: number): void {
    this.waiting.push(value);
    if (this.waiting.length < this.stride) return;
    this.means.push(mean(this.waiting.splice(0)));
    if (this.means.length < this.limit) return;
    const pairs = this.means.splice(0);
    for (let i = 0; i < pairs.length; i += 2) this.means.push(mean(pairs.slice(i, i + 2)));
    this.stride *= 2;
  }
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Exponential moving average of values. */
function smoothed(values: readonly number[], rate: number): number[] {
  let average = values[0] ?? 0;
  return values.map((value) => (average += rate * (value - average)));
}

const [left, right, top, bottom] = [34, 10, 10, 26];

/** Draws the history, as wide as the given pixels; `chance` is the loss of a guess without looking. */
export function lossCurve({ means, stride }: History, chance: number, width: number): string {
  const height = Math.round(Math.min(300, Math.max(180, width / 3)));
  const steps = Math.max(50, means.length * stride);
  const highest = Math.max(2, Math.ceil(means.reduce((a, b) => Math.max(a, b), 0) * 2) / 2);
  const x = (step: number) => left + ((width - left - right) * step) / steps;
  const y = (loss: number) => top + ((height - top - bottom) * (highest - loss)) / highest;
  const line = (values: readonly number[]) =>
    values.map((value, i) => `${x((i + 1) * stride).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const unit = 10 ** Math.floor(Math.log10(steps / 3));
  const gap = unit * ([5, 2, 1].find((factor) => steps / (factor * unit) >= 3) ?? 1);
  const rows = Array.from({ length: Math.floor(highest / 0.5) + 1 }, (_, i) => i / 2);
  const columns = Array.from({ length: Math.floor(steps / gap) + 1 }, (_, i) => i * gap);
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Training loss by step">
    ${rows.map((loss) => `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(loss)}" y2="${y(loss)}"/><text x="${left - 6}" y="${y(loss) + 4}" text-anchor="end">${loss.toFixed(1)}</text>`).join("")}
    ${columns.map((step) => `<text x="${x(step)}" y="${height - 6}" text-anchor="middle">${step}</text>`).join("")}
    <line class="chance" x1="${left}" x2="${width - right}" y1="${y(chance)}" y2="${y(chance)}"/>
    <text class="chance-label" x="${width - right}" y="${y(chance) - 5}" text-anchor="end">chance</text>
    <polyline class="raw" points="${line(means)}"/>
    <polyline class="smooth" points="${line(smoothed(means, 0.1))}"/>
  </svg>`;
}
