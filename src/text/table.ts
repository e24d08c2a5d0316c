/** Formats tables as text: columns for a terminal, and Markdown. */
import { largest } from "./arrays.js";

/**
 * Formats rows of cells as aligned columns, each as wide as its widest cell and separated by two spaces. All rows have as many cells as the
 * first. `isText` selects left-aligned columns by index (default: the first); the others, of numbers, are right-aligned.
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

/** Formats a Markdown table: a heading row, and rows with as many cells. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
