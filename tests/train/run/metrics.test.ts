/** Metrics as JSON lines and as TensorBoard events, read back by readers of their own. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { crc32c, maskedCrc32c } from "../../../src/formats/crc32c.js";
import { MetricsWriter, readMetrics } from "../../../src/train/run/metrics.js";
import { TensorBoardWriter, tfRecord } from "../../../src/train/run/tensorboard.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "fovea-metrics-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const record = (step: number) => ({ step, epoch: step / 10, time: step * 0.5, loss: 1 / step });

async function write(path: string, steps: number[], resumedStep?: number): Promise<void> {
  const writer = await MetricsWriter.open(path, resumedStep);
  for (const step of steps) writer.write(record(step));
  writer.close();
}

describe("JSON lines", () => {
  test("each record is one line, there as soon as it is written", async () => {
    const path = join(dir, "runs", "metrics.jsonl");
    const writer = await MetricsWriter.open(path);
    writer.write({ step: 1, epoch: 0.1, time: 2, loss: 2.5, accuracy: 0.1 });
    expect(readFileSync(path, "utf8")).toBe('{"step":1,"epoch":0.1,"time":2,"loss":2.5,"accuracy":0.1}\n');
    writer.write({ step: 2, epoch: 0.2, time: 4, loss: Number.NaN });
    writer.close();
    expect((await readMetrics(path))[1]).toEqual({ step: 2, epoch: 0.2, time: 4, loss: null });
    expect(() => writer.write(record(3))).toThrow(/after close/);
    writer.close();
  });

  test("a resumed run keeps the lines up to its step", async () => {
    const path = join(dir, "metrics.jsonl");
    await write(path, [1, 2, 3, 4, 5]);
    await write(path, [4, 5, 6], 3);
    expect((await readMetrics(path)).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("a new run starts afresh", async () => {
    const path = join(dir, "metrics.jsonl");
    await write(path, [1, 2]);
    await write(path, [1]);
    expect(await readMetrics(path)).toEqual([record(1)]);
  });

  test("a last line cut short by a crash is dropped, on reading and on resuming", async () => {
    const path = join(dir, "metrics.jsonl");
    await write(path, [1, 2, 3]);
    const whole = readFileSync(path);
    for (let size = whole.length - 2; size > whole.length - 12; size--) {
      writeFileSync(path, whole.subarray(0, size));
      expect((await readMetrics(path)).map(({ step }) => step)).toEqual([1, 2]);
      await write(path, [3], 3);
      expect(readFileSync(path)).toEqual(whole);
    }
    // Only the end of line is missing: the record counts, and the next does not run into it.
    writeFileSync(path, whole.subarray(0, whole.length - 1));
    await write(path, [4], 3);
    expect((await readMetrics(path)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });

  test.each(["not json", "{}", "null", '{"step":"1"}'])("a line that is none is named: %s", async (line) => {
    const path = join(dir, "metrics.jsonl");
    await write(path, [1]);
    appendFileSync(path, `${line}\n{"step":2}\n`);
    await expect(readMetrics(path)).rejects.toThrow(/metrics\.jsonl:2: not a line of metrics/);
  });
});

describe("CRC-32C", () => {
  // RFC 3720, appendix B.4; "123456789" is the check value of the CRC catalogue.
  test.each<[string, Uint8Array, number]>([
    ["nothing", new Uint8Array(0), 0],
    ["123456789", Buffer.from("123456789"), 0xe3069283],
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 bytes of ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["32 ascending bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["32 descending bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])("of %s", (_name, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc);
  });

  test("masked, it frames a record as TensorFlow does", () => {
    // Every TensorBoard file begins with these: the length of its first event, 24 bytes, and that length's masked CRC.
    const frame = tfRecord(new Uint8Array(24));
    expect([...frame.subarray(0, 12)]).toEqual([0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
    expect(frame).toHaveLength(24 + 16);
    const unmask = (masked: number) => {
      const turned = (masked - 0xa282ead8) >>> 0;
      return ((turned >>> 17) | (turned << 15)) >>> 0;
    };
    fc.assert(fc.property(fc.uint8Array(), (bytes) => unmask(maskedCrc32c(bytes)) === crc32c(bytes)));
  });
});

/** Bitwise CRC-32C, slow and without a table: the reader's own. */
function slowCrc(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  const plain = ~crc >>> 0;
  return (((plain >>> 15) | (plain << 17)) + 0xa282ead8) >>> 0;
}

function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    expect(file.readUInt32LE(at + 8)).toBe(slowCrc(file.subarray(at, at + 8)));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 12 + length)).toBe(slowCrc(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

type Fields = Map<number, (bigint | Buffer)[]>;

function readMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const readers: Record<number, () => bigint | Buffer> = {
      0: varint,
      1: () => take(8),
      2: () => take(Number(varint())),
      5: () => take(4),
    };
    const value = readers[tag & 7]!();
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  expect(at).toBe(bytes.length);
  return fields;
}

const events = (path: string) => readRecords(readFileSync(path)).map(readMessage);
const stepOf = (event: Fields) => Number((event.get(2)?.[0] as bigint | undefined) ?? 0n);
function scalarsOf(event: Fields): Record<string, number> {
  const values = readMessage(event.get(5)![0] as Buffer)
    .get(1)!
    .map((value) => readMessage(value as Buffer));
  return Object.fromEntries(
    values.map((value) => [String(value.get(1)![0]), (value.get(2)![0] as Buffer).readFloatLE(0)]),
  );
}

describe("TensorBoard events", () => {
  test("what is written is read back", () => {
    const now = 1_700_000_000_250;
    const writer = new TensorBoardWriter(join(dir, "events"), undefined, () => now);
    writer.scalars(0, { loss: 2.5 });
    writer.scalars(300, { loss: -0.125, "train/accuracy": 0.5, ü: Number.POSITIVE_INFINITY });
    writer.scalars(2 ** 40, { nan: Number.NaN });
    writer.close();
    expect(writer.path).toMatch(/events\.out\.tfevents\.1700000000\./);

    const [version, ...written] = events(writer.path);
    expect(String(version!.get(3)![0])).toBe("brain.Event:2");
    expect((version!.get(1)![0] as Buffer).readDoubleLE(0)).toBe(now / 1000);
    expect(written.map(stepOf)).toEqual([0, 300, 2 ** 40]);
    expect(scalarsOf(written[0]!)).toEqual({ loss: 2.5 });
    expect(scalarsOf(written[1]!)).toEqual({ loss: -0.125, "train/accuracy": 0.5, ü: Number.POSITIVE_INFINITY });
    expect(scalarsOf(written[2]!)).toEqual({ nan: Number.NaN });
    expect(() => writer.scalars(1, {})).toThrow(/after close/);
  });

  test("the first bytes are those of every TensorBoard file", () => {
    const writer = new TensorBoardWriter(dir);
    writer.close();
    expect([...readFileSync(writer.path).subarray(0, 12)]).toEqual([24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
  });

  test("a resumed run writes a file of its own that starts after the step it resumed from", () => {
    const first = new TensorBoardWriter(dir);
    const second = new TensorBoardWriter(dir, 40);
    first.close();
    second.close();
    expect(second.path).not.toBe(first.path);
    const start = events(second.path)[1]!;
    expect(stepOf(start)).toBe(41);
    expect(readMessage(start.get(7)![0] as Buffer).get(1)).toEqual([1n]);
  });

  test("any numbers survive, as float32", () => {
    fc.assert(
      fc.property(fc.nat(), fc.dictionary(fc.string({ unit: "grapheme" }), fc.float()), (step, values) => {
        const writer = new TensorBoardWriter(dir);
        writer.scalars(step, values);
        writer.close();
        const event = events(writer.path)[1]!;
        expect(stepOf(event)).toBe(step);
        const read = Object.keys(values).length === 0 ? {} : scalarsOf(event);
        for (const [tag, value] of Object.entries(values)) expect(read[tag]).toBe(value);
      }),
      { numRuns: 50 },
    );
  });

  test("a step that is none is refused", () => {
    const writer = new TensorBoardWriter(dir);
    expect(() => writer.scalars(-1, { loss: 1 })).toThrow(/step -1; expected a whole number/);
    expect(() => writer.scalars(0.5, { loss: 1 })).toThrow(/step 0\.5/);
    writer.close();
  });
});
