/** A tar file of an image folder, read in place: nothing is extracted. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { ExampleError } from "../image.js";
import { layOut } from "./layout.js";
import { requirePath } from "./paths.js";
import { checkIndex, type ImageSet, type SourceKind } from "./types.js";

export const tarKind: SourceKind = {
  summary: "a .tar file of such a folder, read in place",
  options: [],
  recognises: (path) => statSync(path).isFile() && /\.tar$/i.test(path),
  read: ({ path, spec }) => readTar(path, spec),
};

interface Entry {
  readonly offset: number;
  readonly size: number;
}

async function readTar(path: string, spec: string): Promise<ImageSet> {
  requirePath(path);
  const { entries, problems } = indexTar(path);
  const stripped = stripCommonFolder([...entries.keys()]);
  const layout = layOut(
    path,
    [...stripped.keys()].filter((name) => !name.split("/").some((part) => part.startsWith("."))),
  );
  const licenceFiles = [...stripped.keys()].filter((name) => /^(licen[cs]e|copying|notice|readme)[^/]*$/i.test(name));
  return {
    splits: [...layout.splits.keys()],
    problems: [...problems, ...layout.problems],
    licenceFiles,
    open: async (split) => {
      const { files, labels } = layout.splits.get(split)!;
      const source = { name: path, length: files.length };
      let handle: FileHandle | undefined = await open(path, "r");
      return {
        ...source,
        split,
        labels,
        classNames: layout.classNames,
        recipe: { kind: "open", spec, split },
        idOf: (index) => `${path}:${files[index]}`,
        get: async (index) => {
          checkIndex(source, index);
          const name = files[index]!;
          const id = `${path}:${name}`;
          if (!handle) throw new Error(`${path} is closed; ${name} cannot be read any more`);
          const { offset, size } = entries.get(stripped.get(name)!)!;
          const bytes = new Uint8Array(size);
          const { bytesRead } = await handle.read(bytes, 0, size, offset);
          if (bytesRead < size)
            throw new ExampleError(id, `the archive ends before the file does (${bytesRead} of ${size} bytes)`);
          return { id, label: labels[index]!, image: { kind: "encoded", bytes } };
        },
        close: async () => {
          const closing = handle;
          handle = undefined;
          await closing?.close();
        },
      };
    },
  };
}

/** If everything lies in one top folder with at least two levels below it, that folder is the set's name and not a class. */
function stripCommonFolder(names: readonly string[]): Map<string, string> {
  const first = names[0]?.split("/")[0];
  const common = names.length > 0 && names.every((name) => name.split("/")[0] === first && name.split("/").length >= 2);
  const deep = names.some((name) => name.split("/").length >= 3);
  return new Map(
    names.map((name) => [
      common && deep && !/^(train|val|test)/i.test(first!) ? name.slice(first!.length + 1) : name,
      name,
    ]),
  );
}

/**
 * Finds where each file of a tar archive lies (ustar, with the GNU and pax ways of storing long names).
 *
 * @throws if it is not a tar archive, is cut off, or holds a path that leaves the archive ("../x", "/x").
 */
export function indexTar(path: string): { entries: Map<string, Entry>; problems: string[] } {
  const file = openSync(path, "r");
  try {
    const total = statSync(path).size;
    const entries = new Map<string, Entry>();
    const problems: string[] = [];
    const block = Buffer.alloc(512);
    let longName: string | undefined;
    let offset = 0;
    while (offset + 512 <= total) {
      readSync(file, block, 0, 512, offset);
      if (block.every((byte) => byte === 0)) break;
      if (!checksumFits(block)) {
        const what =
          offset === 0
            ? "is not a tar archive (compressed ones must be unpacked first)"
            : `is damaged at byte ${offset}`;
        throw new Error(`"${path}" ${what}.`);
      }
      const size = numberIn(block, 124, 12);
      const type = String.fromCharCode(block[156]!);
      const data = offset + 512;
      if (data + size > total)
        throw new Error(
          `"${path}" is cut off: the entry at byte ${offset} needs ${size} bytes, ${total - data} are left.`,
        );
      if (type === "L" || type === "x") {
        const content = Buffer.alloc(size);
        readSync(file, content, 0, size, data);
        longName = type === "L" ? textIn(content, 0, size) : (paxPath(content.toString("utf8")) ?? longName);
      } else {
        const prefix =
          block.toString("latin1", 257, 262) === "ustar" && block[263] === 0x30 ? textIn(block, 345, 155) : "";
        const short = textIn(block, 0, 100);
        const name = longName ?? (prefix === "" ? short : `${prefix}/${short}`);
        longName = undefined;
        if (type === "0" || type === "\0" || type === "7") {
          const clean = safeName(path, name);
          if (entries.has(clean)) problems.push(`${clean} is in the archive more than once; the last one counts`);
          entries.set(clean, { offset: data, size });
        } else if (type !== "5" && type !== "g") problems.push(`${name} is a link or a special file and was left out`);
      }
      offset = data + Math.ceil(size / 512) * 512;
    }
    return { entries, problems };
  } finally {
    closeSync(file);
  }
}

function safeName(path: string, name: string): string {
  const parts = name.split("/").filter((part) => part !== "." && part !== "");
  if (name.startsWith("/") || parts.includes(".."))
    throw new Error(`"${path}" holds the path "${name}", which leads out of the archive; it is not read.`);
  return parts.join("/");
}

function textIn(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start);
  return block.toString("utf8", start, end < 0 || end > start + length ? start + length : end);
}

/** An octal field, or (first bit set) a big-endian binary one as GNU tar writes for sizes from 8 GB. */
function numberIn(block: Buffer, start: number, length: number): number {
  if (block[start]! & 0x80) {
    let value = block[start]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + block[start + i]!;
    return value;
  }
  const text = textIn(block, start, length).trim();
  return text === "" ? 0 : Number.parseInt(text, 8);
}

function checksumFits(block: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += block[i]!;
  return sum === numberIn(block, 148, 8);
}

/** The `path` record of a pax header: lines of "length key=value\n". */
function paxPath(text: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1];
}
