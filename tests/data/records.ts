/** Shards, records and CIFAR files for tests, written out here so that the readers are not tested against themselves. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

/** A feature of a tf.train.Example. */
export type FeatureValue = Uint8Array | string | number;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** A serialized tf.train.Example; `packed: false` writes whole numbers the old way, each with its tag. */
export function example(features: Readonly<Record<string, FeatureValue>>, packed = true): Buffer {
  const entries = Object.entries(features).map(([name, value]) => {
    const list =
      typeof value === "number"
        ? field(3, packed ? field(1, varint(value)) : Buffer.concat([varint(8), varint(value)]))
        : field(1, field(1, Buffer.from(value as Uint8Array)));
    return field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, list)]));
  });
  return field(1, Buffer.concat(entries));
}

/** CRC-32C bit by bit (RFC 3720, appendix B.4), masked as TFRecord does. */
function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A TFRecord file. */
export function records(messages: readonly Uint8Array[]): Buffer {
  const parts = messages.flatMap((message) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(message.length));
    const sums = [length, message].map((part) => {
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(masked(part));
      return sum;
    });
    return [length, sums[0]!, Buffer.from(message), sums[1]!];
  });
  return Buffer.concat(parts);
}

/** A CIFAR file: every image of one grey level. */
export function cifar(images: readonly { readonly labels: readonly number[]; readonly level: number }[]): Buffer {
  return Buffer.concat(images.flatMap(({ labels, level }) => [Buffer.from(labels), Buffer.alloc(3072, level)]));
}

/** How a test's server treats a file; by default it serves it, ranges too. */
export interface Behaviour {
  /** Answers that are not the file, in turn, before it is served: a status, "hang", or "cut" (half of it, then the end). */
  readonly first?: (number | "hang" | "cut")[];
  readonly noRanges?: boolean;
  readonly tag?: string;
}

/** A server of files on 127.0.0.1 that counts its requests and fails as told; closed after the tests. */
export async function serve(files: Map<string, { content: Uint8Array } & Behaviour>): Promise<{
  url: string;
  requests: { path: string; range: string | undefined }[];
}> {
  const requests: { path: string; range: string | undefined }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url!.slice(1);
    const { range } = request.headers;
    requests.push({ path, range });
    const file = files.get(path);
    if (!file) return void response.writeHead(404).end();
    const { content, noRanges, tag = `"${content.length}"` } = file;
    const trouble = file.first?.shift();
    if (trouble === "hang") return;
    if (typeof trouble === "number") return void response.writeHead(trouble).end();
    const match = noRanges ? null : /^bytes=(\d+)-(\d+)$/.exec(range ?? "");
    const [start, end] = match
      ? [Number(match[1]), Math.min(content.length - 1, Number(match[2]))]
      : [0, content.length - 1];
    const part = content.subarray(start, end + 1);
    response.writeHead(match ? 206 : 200, {
      etag: tag,
      "content-length": part.length,
      ...(match && { "content-range": `bytes ${start}-${end}/${content.length}` }),
    });
    if (trouble !== "cut") return void response.end(part);
    response.write(part.subarray(0, part.length / 2), () => response.destroy());
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
