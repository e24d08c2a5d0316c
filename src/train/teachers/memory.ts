/**
 * Caches a teacher's outputs on disk. They are looked up by the bytes of the input image, so the cache does not depend
 * on where an image came from. Epochs that repeat the same views, and other students with the same views, do not run
 * the teacher again.
 *
 * A file starts with a line of JSON that identifies the teacher, padded with spaces to `headerBytes`. Records of one
 * size follow: 16 bytes of SHA-1 of the student's float32 image, and the output in half precision (2 bytes per number).
 * Records are appended as a whole, so that several runs may write to the same file; a record may then occur twice.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { closable } from "../../files/closable.js";
import { makeFolder } from "../../files/folder.js";
import { fromFloat16, toFloat16 } from "../../graph/index.js";
import { fileDigest } from "../../networks/index.js";
import { splitSpec } from "../../weights/index.js";
import type { Teacher, TeacherContext, TeacherSettings } from "./teacher.js";

const headerBytes = 512;
const keyBytes = 16;

/**
 * The same teacher with a cache of its outputs in a file below the folder `settings.remember`. Outputs are always
 * rounded to half precision, also at first, so that a run does not depend on the state of the cache. Throws the errors
 * of the file system.
 */
export async function remembering(
  teacher: Teacher,
  settings: TeacherSettings,
  { image: sides, batchSize, valueRange }: TeacherContext,
): Promise<Teacher> {
  const { remember, ...asked } = settings;
  // a file is identified by its bytes, so that a copy elsewhere is the same teacher
  const { name, options } = splitSpec(settings.network);
  const file = existsSync(name) && (await stat(name)).isFile();
  const given = options.map((option) => option.join("="));
  const network = file ? [await fileDigest(name), ...given].join("&") : settings.network;
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
  /** The position of the output for a key; undefined if it is not cached. */
  find(key: string): number | undefined;
  /** Appends an output and returns its position. */
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
  // Reads the records that this run or another has appended since.
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

/** Appends all bytes or throws: a nearly full disk may write a part without an error. */
function writeWhole(file: number, bytes: Buffer, path: string): void {
  const written = writeSync(file, bytes);
  if (written === bytes.length) return;
  throw new Error(
    `${path}: only ${written} of ${bytes.length} bytes could be written; the disk may be full (earlier records of the cache are intact)`,
  );
}

/** Throws when the header of a file is not that of this teacher. */
function requireHeader(file: number, header: Buffer, path: string): void {
  const found = Buffer.alloc(headerBytes);
  readSync(file, found, 0, headerBytes, 0);
  if (found.equals(header)) return;
  throw new Error(`${path} is not the cache of this teacher; delete it, or set "remember" to another folder`);
}

/** Truncates a record that was not written completely. */
function cutToWhole(file: number, recordBytes: number): void {
  const { size } = fstatSync(file);
  const rest = (size - headerBytes) % recordBytes;
  if (rest > 0) ftruncateSync(file, size - rest);
}

/** Records the positions of the keys of all complete records from an offset on; returns the end of the last one. */
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
