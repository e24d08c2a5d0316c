/** Tables as text: columns for a terminal, and Markdown. */
import { largest } from "./arrays.js";

/**
 * Rows of cells as lines of columns, each as wide as its widest cell and two spaces apart. A row has as many cells as the first.
 * `isText` selects left-aligned columns by index (default: the first); the others, of numbers, are right-aligned.
 */
export function columns(
  rows: readonly (readonly string[])[],
  isText: (column: number) => boolean = (column) => column === 0,
): string[] {
  const widths = (rows[0] ?? []).map((_, column) => largest(rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (isText(column) ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** A table in Markdown: a line of headings, and as many cells in every row. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
