/** Tables of text. */
import { largest } from "../text/arrays.js";

/** A share in per cent with one decimal. */
export const percent = (share: number): string => (100 * share).toFixed(1);

/** Lines of cells in columns: the first to the left, the others to the right. */
export function columnsText(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) => largest(table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  "),
  );
}
