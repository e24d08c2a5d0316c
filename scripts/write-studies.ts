/**
 * Writes docs/studies: copies the tables of a folder of studies, and generates every page, figure and the index from the tables.
 *
 * usage: npx jiti scripts/write-studies.ts [FOLDER]      FOLDER: the --output of `fovea study` (default: only regenerate)
 */
import { existsSync, readdirSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  figureFile,
  type Reported,
  readTable,
  reportFrom,
  scaleNames,
  studies,
  studiesIndex,
  studyMarkdown,
} from "../src/studies/index.js";

const [source] = process.argv.slice(2);
const docs = "docs/studies";
/** Width of the figures, in CSS pixels. */
const width = 720;

for (const scale of scaleNames) {
  if (source === undefined) break;
  const from = join(source, scale);
  for (const name of existsSync(from) ? readdirSync(from) : []) {
    if (!/\.(csv|jsonl)$/.test(name)) continue;
    await mkdir(join(docs, scale), { recursive: true });
    await copyFile(join(from, name), join(docs, scale, name));
  }
}

const reports: Reported[] = [];
for (const scale of scaleNames) {
  for (const study of studies) {
    const table = join(docs, scale, `${study.name}.jsonl`);
    if (!existsSync(table)) continue;
    const report = await reportFrom(study, scale, await readTable(table));
    reports.push(report);
    await writeFile(join(docs, scale, `${study.name}.md`), studyMarkdown(report));
    for (const [i, figure] of report.figures.entries()) {
      await writeFile(join(docs, scale, figureFile(study.name, i)), figure.draw(width));
    }
    console.log(`${scale} ${study.name}: ${report.verdict.decision}`);
  }
}
await mkdir(docs, { recursive: true });
await writeFile(join(docs, "README.md"), studiesIndex(studies, reports));
