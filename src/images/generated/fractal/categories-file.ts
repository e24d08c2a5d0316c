/**
 * Reads and writes fractal categories as text, so that they need not be searched for again. Each map is a line of `a,b,c,d,e,f,p`, as in
 * FractalDB's files (one file for each category, named after it), or all categories are in one file with the category's name at the start of
 * each line.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FractalSystem } from "./system.js";

/** A category and its name. */
export interface NamedSystem {
  readonly name: string;
  readonly system: FractalSystem;
}

/** Name of a category by its number: five digits, as FractalDB's folders are named. */
export const categoryName = (category: number): string => String(category).padStart(5, "0");

/** Writes categories into one file. */
export function writeCategories(path: string, categories: readonly NamedSystem[]): void {
  const lines = categories.flatMap(({ name, system: { coefficients, probabilities } }) =>
    Array.from(probabilities, (p, map) => [name, ...coefficients.subarray(6 * map, 6 * map + 6), p].join(",")),
  );
  writeFileSync(path, `${lines.join("\n")}\n`);
}

/**
 * Reads categories from one file, or from a folder with one file for each category, sorted by name.
 * @throws for a line that is not six coefficients and a probability, with the line, and if there are no categories.
 */
export function readCategories(path: string): NamedSystem[] {
  const rows = new Map<string, number[][]>();
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const files = folder
    ? readdirSync(path)
        .filter((name) => name.endsWith(".csv"))
        .sort()
        .map((name) => ({ file: join(path, name), category: name.slice(0, -4) }))
    : [{ file: path, category: undefined }];
  for (const { file, category } of files) {
    for (const [i, line] of readText(file).split(/\r?\n/).entries()) {
      if (line.trim() === "") continue;
      const fields = line.split(",").map((field) => field.trim());
      const name = category ?? fields.shift()!;
      const numbers = fields.map((field) => (field === "" ? Number.NaN : Number(field)));
      if (numbers.length !== 7 || !numbers.every(Number.isFinite) || numbers[6]! < 0 || numbers[6]! > 1) {
        const wanted = category === undefined ? "name,a,b,c,d,e,f,p" : "a,b,c,d,e,f,p";
        throw new Error(`${file}, line ${i + 1}: expected ${wanted} with a probability p, not "${line.slice(0, 80)}"`);
      }
      const list = rows.get(name);
      if (list) list.push(numbers);
      else rows.set(name, [numbers]);
    }
  }
  if (rows.size === 0) throw new Error(`there are no categories of fractals in "${path}"; expected at least one`);
  return [...rows].map(([name, maps]) => {
    const probabilities = Float64Array.from(maps, (row) => row[6]!);
    const sum = probabilities.reduce((total, p) => total + p, 0);
    if (Math.abs(sum - 1) > 1e-6)
      throw new Error(`the probabilities of category ${name} in "${path}" have the sum ${sum}; expected 1`);
    return { name, system: { coefficients: Float64Array.from(maps.flatMap((row) => row.slice(0, 6))), probabilities } };
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(
      `the categories cannot be read from "${file}": ${error instanceof Error ? error.message : error}; "fovea data fractals FILE" writes such a file`,
      { cause: error },
    );
  }
}
