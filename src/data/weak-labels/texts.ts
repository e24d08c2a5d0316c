/** Reads the text around images: files beside them in a folder or tar, or a list of ids and texts. */
import { statSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readLines } from "../../files/lines.js";
import { listFiles, requirePath } from "../../files/paths.js";
import { append } from "../../text/arrays.js";
import { indexTar, stripCommonFolder } from "../kinds/tar.js";
import { imageName } from "../source/layout.js";

/** The id of an image in its source and the text about it; undefined if there is none. */
export interface ImageText {
  readonly id: string;
  readonly text: string | undefined;
}

/** Text files beside an image: plain text, or JSON of which all strings are used. */
const sidecars = ["txt", "json"] as const;

/**
 * Reads images and their texts. In a folder or a .tar, the text of an image `a/b.jpg` is `a/b.txt` and the strings of `a/b.json` (also
 * WebDataset's layout). A .jsonl file has lines `{"id": ..., "text": ...}`, a .csv file has lines `id,text`.
 * @throws for a path of another kind, an invalid line, and invalid JSON, with the file.
 */
export async function readTexts(path: string): Promise<ImageText[]> {
  requirePath(path);
  if (statSync(path).isDirectory()) {
    const { files } = await listFiles(path);
    const all = new Set(files);
    const read = (name: string) => readFile(join(path, name), "utf8");
    return besideImages(
      files,
      (name) => all.has(name),
      read,
      (name) => join(path, name),
    );
  }
  if (/\.tar$/i.test(path)) {
    const { entries } = indexTar(path);
    const names = stripCommonFolder([...entries.keys()]);
    await using file = await open(path, "r");
    const read = async (name: string) => {
      const { offset, size } = entries.get(names.get(name)!)!;
      const bytes = Buffer.alloc(size);
      await file.read(bytes, 0, size, offset);
      return bytes.toString("utf8");
    };
    return await besideImages(
      [...names.keys()],
      (name) => names.has(name),
      read,
      (name) => `${path}:${name}`,
    );
  }
  if (/\.(jsonl|ndjson|csv)$/i.test(path)) return readList(path, /\.csv$/i.test(path) ? parseCsv : parseJson);
  throw new Error(`"${path}": expected a folder, a .tar, or a .jsonl or .csv file of ids and texts`);
}

async function besideImages(
  files: readonly string[],
  exists: (name: string) => boolean,
  read: (name: string) => Promise<string>,
  idOf: (name: string) => string,
): Promise<ImageText[]> {
  const found: ImageText[] = [];
  for (const name of files) {
    if (!imageName.test(name)) continue;
    const stem = name.replace(/\.[^./]+$/, "");
    const parts: string[] = [];
    for (const ending of sidecars) {
      const beside = `${stem}.${ending}`;
      if (!exists(beside)) continue;
      const content = await read(beside);
      if (ending === "txt") parts.push(content);
      else {
        try {
          append(parts, stringsIn(JSON.parse(content)));
        } catch (error) {
          throw new Error(`${idOf(beside)} is not JSON (${(error as Error).message})`, { cause: error });
        }
      }
    }
    found.push({ id: idOf(name), text: parts.length === 0 ? undefined : parts.join("\n") });
  }
  return found;
}

function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

async function readList(path: string, parse: (line: string) => ImageText | undefined): Promise<ImageText[]> {
  const found: ImageText[] = [];
  await readLines(path, (line, number) => {
    if (line.trim() === "") return;
    const row = parse(line.replace(/^\uFEFF/, ""));
    if (!row) throw new Error(`"${path}", line ${number}: expected an id and a text, not ${line.slice(0, 80)}`);
    if (found.length > 0 || row.id !== "id" || row.text !== "text") found.push(row);
  });
  return found;
}

function parseJson(line: string): ImageText | undefined {
  try {
    const { id, text } = JSON.parse(line) as { id?: unknown; text?: unknown };
    return typeof id === "string" && typeof text === "string" ? { id, text } : undefined;
  } catch {
    return undefined;
  }
}

function parseCsv(line: string): ImageText | undefined {
  const quoted = /^"((?:[^"]|"")*)",(.*)$/s.exec(line);
  const match = quoted ?? /^([^",]+),(.*)$/s.exec(line);
  return match ? { id: quoted ? match[1]!.replaceAll('""', '"') : match[1]!, text: match[2]! } : undefined;
}
