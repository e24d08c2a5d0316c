// A teacher's answers on disk. They are found by what it was shown, the bytes of an image, so that nothing has to be known of
// where an image came from: epochs that show the same views again, and other students of the same views, ask no more.
//
// A file is a line of JSON that says of which teacher the answers are, filled with spaces to `headerBytes`, and then records of
// one size: 16 bytes of SHA-1 of the image as the student sees it, float32, and the answer in half precision (2 bytes a number).
// Records are appended whole, so that several runs may write to one file at once; one may then stand there twice.
import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fromFloat16, toFloat16 } from "../graph/index.js";
import type { Teacher, TeacherContext, TeacherSettings } from "./teachers.js";

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
  const stamp = existsSync(settings.network) ? await stat(settings.network) : undefined;
  const identity = JSON.stringify({ ...asked, bytes: stamp?.size, changed: stamp?.mtimeMs, sides, valueRange });
  const memory = openMemory(remember!, identity, teacher.width);
  const imageLength = sides.reduce((product, side) => product * side, 1);
  return {
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
  };
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
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${createHash("sha256").update(identity).digest("hex").slice(0, 16)}.answers`);
  const recordBytes = keyBytes + 2 * width;
  const fresh = !existsSync(path);
  const file = openSync(path, "a+");
  if (fresh) writeSync(file, Buffer.from(`${identity.slice(0, headerBytes - 1)}\n`.padEnd(headerBytes)));
  const places = readPlaces(file, recordBytes);
  const record = Buffer.alloc(recordBytes);
  const halves = new Uint16Array(width);
  const numbers = halfPrecision();
  return {
    find: (key) => places.get(key),
    add: (key, answer) => {
      record.write(key, 0, "latin1");
      for (let k = 0; k < width; k++) record.writeUInt16LE(toFloat16(answer[k]!), keyBytes + 2 * k);
      writeSync(file, record);
      // the file may have grown by another run: what was written ends at its end only if nobody wrote since, so it is looked for
      const place = placeOf(file, key, recordBytes);
      places.set(key, place);
      return place;
    },
    read: (place, into) => {
      const bytes = new Uint8Array(halves.buffer);
      readSync(file, bytes, 0, bytes.length, place + keyBytes);
      for (let k = 0; k < width; k++) into[k] = numbers[halves[k]!]!;
    },
    close: () => closeSync(file),
  };
}

/** The newest record of a key: among the last ones of the file. */
function placeOf(file: number, key: string, recordBytes: number): number {
  const found = Buffer.alloc(keyBytes);
  for (let place = fstatSync(file).size - recordBytes; place >= headerBytes; place -= recordBytes) {
    readSync(file, found, 0, keyBytes, place);
    if (found.toString("latin1") === key) return place;
  }
  throw new Error("an answer of a teacher that was just written is not in its file; was the file replaced meanwhile?");
}

/** Where every key of a file is; a record that was cut off is cut away. */
function readPlaces(file: number, recordBytes: number): Map<string, number> {
  const places = new Map<string, number>();
  const whole = Math.floor((fstatSync(file).size - headerBytes) / recordBytes);
  if (headerBytes + whole * recordBytes < fstatSync(file).size) ftruncateSync(file, headerBytes + whole * recordBytes);
  const together = Math.max(1, Math.floor((1 << 22) / recordBytes));
  const chunk = Buffer.alloc(together * recordBytes);
  for (let first = 0; first < whole; first += together) {
    const start = headerBytes + first * recordBytes;
    const count = Math.min(together, whole - first);
    readSync(file, chunk, 0, count * recordBytes, start);
    for (let i = 0; i < count; i++) {
      const at = i * recordBytes;
      places.set(chunk.toString("latin1", at, at + keyBytes), start + at);
    }
  }
  return places;
}

/** Every number of half precision by its bits. */
function halfPrecision(): Float32Array {
  const table = new Float32Array(1 << 16);
  for (let bits = 0; bits < table.length; bits++) table[bits] = fromFloat16(bits);
  return table;
}
