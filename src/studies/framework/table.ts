/** The table of a study's results: the only input of its figures and its verdict. Stored as CSV and as JSON lines. */
import { readFile } from "node:fs/promises";
import { writeFileAtomically } from "../../files/atomic.js";

/** One measured point. */
export interface Row {
  /** Id of the job that measured it. */
  readonly job: string;
  readonly seed: number;
  /** The line or bar of the figure that it belongs to. */
  readonly series: string;
  readonly x: number;
  readonly y: number;
  /** Training images seen until the measurement, repetitions counted. */
  readonly images: number;
  /** Matrix FLOPs of training until the measurement. */
  readonly flops: number;
  /** Seconds of training until the measurement, on the machine that ran the job. */
  readonly seconds: number;
}

const columns = ["job", "seed", "series", "x", "y", "images", "flops", "seconds"] as const;

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The table as CSV (RFC 4180), a row a line below the names of the columns. Numbers keep all their digits. */
export function tableCsv(rows: readonly Row[]): string {
  const lines = rows.map((row) => columns.map((column) => quoted(String(row[column]))).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
}

/** The table as JSON lines. */
export function tableJsonLines(rows: readonly Row[]): string {
  return rows.map((row) => `${JSON.stringify(row, [...columns])}\n`).join("");
}

/** Writes `FILE.csv` and `FILE.jsonl`. */
export async function writeTable(file: string, rows: readonly Row[]): Promise<void> {
  const encoder = new TextEncoder();
  await writeFileAtomically(`${file}.csv`, [encoder.encode(tableCsv(rows))]);
  await writeFileAtomically(`${file}.jsonl`, [encoder.encode(tableJsonLines(rows))]);
}

/** Reads the table of JSON lines. Throws for a line that is not a row, with its number. */
export async function readTable(file: string): Promise<Row[]> {
  const lines = (await readFile(file, "utf8")).split("\n");
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    const row: unknown = parsed(line);
    if (!isRow(row)) throw new Error(`${file}, line ${i + 1}: expected a row with ${columns.join(", ")}`);
    return [row];
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isRow(value: unknown): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const row = value as Record<string, unknown>;
  return columns.every((column) =>
    column === "job" || column === "series" ? typeof row[column] === "string" : typeof row[column] === "number",
  );
}

/** The rows of each series, in the order of their first row. */
export function bySeries(rows: readonly Row[]): Map<string, Row[]> {
  const found = new Map<string, Row[]>();
  for (const row of rows) found.set(row.series, [...(found.get(row.series) ?? []), row]);
  return found;
}

/** The different values of x, ascending. */
export const positions = (rows: readonly Row[]): number[] => [...new Set(rows.map(({ x }) => x))].sort((a, b) => a - b);

/** One row for each series, x and seed, with the mean of y: the other values are those of the first such row. */
export function meanRows(rows: readonly Row[]): Row[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.series, row.x, row.seed]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].flatMap((own) => {
    const [first] = own;
    return first ? [{ ...first, y: own.reduce((sum, { y }) => sum + y, 0) / own.length }] : [];
  });
}

/**
 * Rows of the series `NAME, MEASURE` as series `NAME`, where one run measures several things; without a measure those of the series without
 * one.
 */
export function rowsOfMeasure(rows: readonly Row[], measure?: string): Row[] {
  if (measure === undefined) return rows.filter(({ series }) => !series.includes(", "));
  const end = `, ${measure}`;
  return rows
    .filter(({ series }) => series.endsWith(end))
    .map((row) => ({ ...row, series: row.series.slice(0, -end.length) }));
}
