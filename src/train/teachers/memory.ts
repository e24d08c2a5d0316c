/**
 * A teacher's answers on disk. They are found by what it was shown, the bytes of an image, so that nothing has to be known of
 * where an image came from: epochs that show the same views again, and other students of the same views, ask no more.
 *
 * A file is a line of JSON that says of which teacher the answers are, filled with spaces to `headerBytes`, and then records of
 * one size: 16 bytes of SHA-1 of the image as the student sees it, float32, and the answer in half precision (2 bytes a number).
 * Records are appended whole, so that several runs may write to one file at once; one may then stand there twice.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { closable } from "../../files/closable.js";
import { makeFolder } from "../../files/folder.js";
import { fromFloat16, toFloat16 } from "../../graph/index.js";
import { fileDigest } from "../../networks/index.js";
import type { Teacher, TeacherContext, TeacherSettings } from "./teacher.js";

const headerBytes = 512;
const keyBytes = 16;

/**
 * The same teacher, which keeps its answers below the folder `settings.remember` and looks them up there. Answers are those of
 * half precision, the first time too, so that a run does not depend on what was known before it. Throws what the disk says.
 */
export async function remembering(
  teacher: Teacher,
  settings: TeacherSettings,
  { image: sides, batchSize, valueRange }: TeacherContext,
): Promise<Teacher> {
  const { remember, ...asked } = settings;
  // a file by its bytes, so that a copy elsewhere is the same teacher
  const file = existsSync(settings.network) && (await stat(settings.network)).isFile();
  const network = file ? await fileDigest(settings.network) : settings.network;
  const identity = JSON.stringify({ ...asked, network, sides, valueRange });
  const memory = openMemory(remember!, identity, teacher.width);
  const imageLength = sides.reduce((product, side) => product * side, 1);
  return closable<Teacher>({
    ...teacher,
    ask: async (images) => {
      const keys = Array.from({ length: batchSize }, (_, i) => keyOf(images, i * imageLength, imageLength));
      const places = keys.map((key) => memory.find(key));
      if (places.includes(undefined)) {
        const found = await teacher.ask(images);
        for (const [i, key] of keys.entries()) {
          places[i] ??= memory.find(key) ?? memory.add(key, found.subarray(i * teacher.width, (i + 1) * teacher.width));
        }
      }
      const out = new Float32Array(batchSize * teacher.width);
      for (const [i, place] of places.entries())
        memory.read(place!, out.subarray(i * teacher.width, (i + 1) * teacher.width));
      return out;
    },
    close: async () => {
      memory.close();
      await teacher.close();
    },
  });
}

function keyOf(images: Float32Array, start: number, length: number): string {
  const bytes = new Uint8Array(images.buffer, images.byteOffset + start * 4, length * 4);
  return createHash("sha1").update(bytes).digest().toString("latin1", 0, keyBytes);
}

interface Memory {
  /** Where the answer to a key is; undefined when it is not known. */
  find(key: string): number | undefined;
  /** Appends an answer and says where. */
  add(key: string, answer: Float32Array): number;
  read(place: number, into: Float32Array): void;
  close(): void;
}

function openMemory(folder: string, identity: string, width: number): Memory {
  makeFolder(folder);
  const path = join(folder, `${createHash("sha256").update(identity).digest("hex").slice(0, 16)}.answers`);
  const recordBytes = keyBytes + 2 * width;
  const fresh = !existsSync(path);
  const file = openSync(path, "a+");
  const header = Buffer.from(`${identity.slice(0, headerBytes - 1)}\n`.padEnd(headerBytes));
  if (fresh) writeWhole(file, header, path);
  else requireHeader(file, header, path);
  const places = new Map<string, number>();
  cutToWhole(file, recordBytes);
  let end = readPlaces(file, recordBytes, headerBytes, places);
  // Reads what was appended since, by this run or another.
  const catchUp = () => {
    end = readPlaces(file, recordBytes, end, places);
  };
  const record = Buffer.alloc(recordBytes);
  const halves = new Uint16Array(width);
  return {
    find: (key) => {
      if (!places.has(key)) catchUp();
      return places.get(key);
    },
    add: (key, answer) => {
      record.write(key, 0, "latin1");
      for (let k = 0; k < width; k++) record.writeUInt16LE(toFloat16(answer[k]!), keyBytes + 2 * k);
      writeWhole(file, record, path);
      catchUp();
      return places.get(key)!;
    },
    read: (place, into) => {
      const bytes = new Uint8Array(halves.buffer);
      readSync(file, bytes, 0, bytes.length, place + keyBytes);
      for (let k = 0; k < width; k++) into[k] = fromFloat16(halves[k]!);
    },
    close: () => closeSync(file),
  };
}

/** Appends all of it or throws: a disk that is nearly full takes a part without an error. */
function writeWhole(file: number, bytes: Buffer, path: string): void {
  const written = writeSync(file, bytes);
  if (written === bytes.length) return;
  throw new Error(
    `${path}: only ${written} of ${bytes.length} bytes could be written; is the disk full? What was known before stays known.`,
  );
}

/** Throws when a file does not begin as this teacher's does. */
function requireHeader(file: number, header: Buffer, path: string): void {
  const found = Buffer.alloc(headerBytes);
  readSync(file, found, 0, headerBytes, 0);
  if (found.equals(header)) return;
  throw new Error(`${path} does not hold the answers of this teacher; delete it, or give another folder as "remember"`);
}

/** Cuts a record away that was not written whole. */
function cutToWhole(file: number, recordBytes: number): void {
  const { size } = fstatSync(file);
  const rest = (size - headerBytes) % recordBytes;
  if (rest > 0) ftruncateSync(file, size - rest);
}

/** Notes where the keys of the whole records from a place on are; returns where the last of them ends. */
function readPlaces(file: number, recordBytes: number, from: number, places: Map<string, number>): number {
  const whole = Math.floor((fstatSync(file).size - from) / recordBytes);
  const together = Math.max(1, Math.floor((1 << 22) / recordBytes));
  const chunk = Buffer.alloc(Math.min(whole, together) * recordBytes);
  for (let first = 0; first < whole; first += together) {
    const start = from + first * recordBytes;
    const count = Math.min(together, whole - first);
    readSync(file, chunk, 0, count * recordBytes, start);
    for (let i = 0; i < count; i++) {
      const at = i * recordBytes;
      places.set(chunk.toString("latin1", at, at + keyBytes), start + at);
    }
  }
  return from + whole * recordBytes;
}
