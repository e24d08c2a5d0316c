/** Wraps text. */

/** Wraps text at spaces into lines of at most `width` characters; longer words are divided. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  const words = text.split(/\s+/).flatMap((word) => word.match(new RegExp(`.{1,${Math.max(1, width)}}`, "gu")) ?? []);
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
