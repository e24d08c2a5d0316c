/** Tables of text on the terminal. */
import { largest } from "../../text/arrays.js";

export const percent = (share: number): string => (100 * share).toFixed(1);

/** Lines of cells in columns: the first to the left, the others to the right. */
export function columnsText(table: readonly (readonly string[])[]): string[] {
  const widths = table[0]!.map((_, column) => largest(table.map((row) => row[column]!.length)));
  return table.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
}
