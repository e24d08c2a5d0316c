/** Encodes raw pixels as PNG, so that reports need no image library (PNG specification, W3C, third edition). */

import { deflateSync } from "node:zlib";

/** 8-bit pixels, row-major, channels interleaved: 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA. */
export interface PngPixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 2 | 3 | 4;
}

const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
/** PNG colour type of each channel count (table 11.1 of the specification). */
const colourTypes = { 1: 0, 2: 4, 3: 2, 4: 6 } as const;

/** CRC-32 of the specification's annex D, one table entry for each byte value. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = crcTable[(value ^ byte) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}

function chunk(type: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)));
  return bytes;
}

/** Paeth's predictor: whichever of left, above and above-left is nearest to left + above - above-left. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Filters the rows; each starts with the filter whose residuals have the smallest sum, the specification's heuristic (12.7). */
function filterRows({ data, width, height, channels }: PngPixels): Uint8Array {
  const stride = width * channels;
  const filtered = new Uint8Array(height * (stride + 1));
  const candidate = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    let smallest = Number.POSITIVE_INFINITY;
    for (let filter = 0; filter <= 4; filter++) {
      let sum = 0;
      for (let x = 0; x < stride; x++) {
        const at = y * stride + x;
        const left = x >= channels ? data[at - channels]! : 0;
        const above = y > 0 ? data[at - stride]! : 0;
        const corner = x >= channels && y > 0 ? data[at - stride - channels]! : 0;
        const predictions = [0, left, above, (left + above) >> 1, filter === 4 ? paeth(left, above, corner) : 0];
        const residual = (data[at]! - predictions[filter]!) & 0xff;
        candidate[x] = residual;
        sum += residual < 128 ? residual : 256 - residual;
      }
      if (sum < smallest) {
        smallest = sum;
        filtered[y * (stride + 1)] = filter;
        filtered.set(candidate, y * (stride + 1) + 1);
      }
    }
  }
  return filtered;
}

/** Encodes 8-bit pixels as PNG, losslessly. Throws if the data does not match width x height x channels. */
export function encodePng(image: PngPixels): Uint8Array {
  const { data, width, height, channels } = image;
  const expected = width * height * channels;
  if (!(width >= 1 && height >= 1) || data.length !== expected) {
    throw new Error(
      `PNG: ${width}x${height} pixels of ${channels} channels need ${expected} bytes (and one pixel at least), given ${data.length}`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = colourTypes[channels];
  const body = deflateSync(filterRows(image), { level: 9 });
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", body), chunk("IEND", new Uint8Array(0))]);
}
