/** Writes scalars as TensorBoard event files: protocol buffers in TFRecord frames, without a dependency. */

import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { makeFolder } from "../../files/folder.js";
import { maskedCrc32c } from "../../formats/crc32c.js";
import { appendBytes } from "./metrics.js";

/** One TFRecord: length (8 bytes, little-endian), its masked CRC, the data, its masked CRC. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.byteLength + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.byteLength, maskedCrc32c(data), true);
  return record;
}

// Protocol buffers: every field is a tag (number and wire type), then its value.
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

function varint(value: number): number[] {
  const bytes: number[] = [];
  while (value >= 0x80) {
    bytes.push((value % 0x80) | 0x80);
    value = Math.floor(value / 0x80);
  }
  bytes.push(value);
  return bytes;
}

function field(number: number, type: number, value: Iterable<number>): number[] {
  return [...varint(number * 8 + type), ...value];
}

function bytesField(number: number, value: Iterable<number>): number[] {
  const bytes = [...value];
  return field(number, wire.bytes, [...varint(bytes.length), ...bytes]);
}

const textBytes = (text: string) => new TextEncoder().encode(text);
const floatBytes = (value: number) => new Uint8Array(new Float32Array([value]).buffer);
const doubleBytes = (value: number) => new Uint8Array(new Float64Array([value]).buffer);

// The field numbers of tensorflow/core/util/event.proto and framework/summary.proto.
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const summaryValue = { value: 1, tag: 1, simpleValue: 2 } as const;
const sessionLog = { status: 1, start: 1 } as const;

function encodeEvent(wallTime: number, step: number, payload: readonly number[]): Uint8Array {
  const stepField = step === 0 ? [] : field(event.step, wire.varint, varint(step));
  return Uint8Array.from([...field(event.wallTime, wire.fixed64, doubleBytes(wallTime)), ...stepField, ...payload]);
}

let opened = 0;

/** Writes one event file into a folder for `tensorboard --logdir`. Close it. */
export class TensorBoardWriter {
  readonly path: string;
  private descriptor: number | undefined;

  /**
   * Starts a new event file in a folder, which is created if missing.
   *
   * A resumed run passes its step: TensorBoard then drops later steps of earlier files, since they are run again.
   */
  constructor(folder: string, resumedStep?: number, now: () => number = Date.now) {
    makeFolder(folder);
    const seconds = String(Math.floor(now() / 1000)).padStart(10, "0");
    this.path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${opened++}`);
    this.now = now;
    this.descriptor = openSync(this.path, "wx");
    this.write(0, bytesField(event.fileVersion, textBytes("brain.Event:2")));
    if (resumedStep !== undefined) {
      // The first step to be run again is the one after the last that was kept.
      const start = field(sessionLog.status, wire.varint, varint(sessionLog.start));
      this.write(resumedStep + 1, bytesField(event.sessionLog, start));
    }
  }

  private readonly now: () => number;

  /** Writes named numbers of one step (stored as float32; NaN and infinities are kept). */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    if (!Number.isSafeInteger(step) || step < 0)
      throw new Error(`${this.path}: step ${step}; expected a whole number from 0`);
    const summary = Object.entries(values).flatMap(([tag, value]) =>
      bytesField(summaryValue.value, [
        ...bytesField(summaryValue.tag, textBytes(tag)),
        ...field(summaryValue.simpleValue, wire.fixed32, floatBytes(value)),
      ]),
    );
    this.write(step, bytesField(event.summary, summary));
  }

  private write(step: number, payload: readonly number[]): void {
    if (this.descriptor === undefined) throw new Error(`${this.path}: events written after close`);
    appendBytes(this.path, this.descriptor, tfRecord(encodeEvent(this.now() / 1000, step, payload)));
  }

  close(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }
}
