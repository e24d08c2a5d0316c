/** Computes and stores the descriptor of an image: a digest of its bytes, a hash, a luminance thumbnail and a colour thumbnail. */
import { createHash } from "node:crypto";
import { crc32c } from "../../formats/crc32c.js";
import {
  type AnyImage,
  decodeResize,
  type EncodedImage,
  imageHeader,
  type RawImage,
  resizeArea,
  toGrey,
} from "../../images/index.js";
import { type Hash, hashOf, thumbnailSide } from "./hash.js";

/** Side of the colour thumbnail, in pixels. */
export const colourSide = 8;
/** Length of the truncated SHA-256 digest in bytes: with 128 bits, a collision among 2^40 different images is unlikely. */
export const digestBytes = 16;

export interface Descriptor {
  /** First 16 bytes of the SHA-256 of the encoded bytes (of size and pixels for raw images). */
  readonly digest: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly hash: Hash;
  /** 32 x 32 luminance; the whole image is stretched to this size. */
  readonly luminance: Uint8Array;
  /** 8 x 8 RGB. */
  readonly colours: Uint8Array;
}

/** Computes the digest of an image without decoding it. */
export function digestOf(image: EncodedImage | RawImage): Uint8Array {
  const hash = createHash("sha256");
  if (image.kind === "raw") hash.update(`${image.height} ${image.width} ${image.channels}\n`);
  const sum = hash.update(image.kind === "raw" ? image.data : image.bytes).digest();
  return new Uint8Array(sum.subarray(0, digestBytes));
}

/**
 * Computes the descriptor of one image.
 * @throws ExampleError with `id` if it cannot be decoded.
 */
export async function describeImage(image: EncodedImage | RawImage, id: string): Promise<Descriptor> {
  const { height, width } = await imageHeader(image, id);
  const small = await thumbnailOf(image, id);
  return { digest: digestOf(image), height, width, ...describePixels(small) };
}

/** Computes a 32 x 32 RGB thumbnail; the whole image is stretched to this size. */
async function thumbnailOf(image: AnyImage, id: string): Promise<RawImage> {
  return (await decodeResize(image, id, thumbnailSide, thumbnailSide, "fill", 3)) as RawImage;
}

/** Computes the fields of a descriptor that depend only on a 32 x 32 RGB thumbnail. */
export function describePixels(small: RawImage): Pick<Descriptor, "hash" | "luminance" | "colours"> {
  const luminance = toGrey(small).data;
  return { hash: hashOf(luminance), luminance, colours: resizeArea(small, colourSide, colourSide).data };
}

const luminanceBytes = thumbnailSide ** 2;
const colourBytes = 3 * colourSide ** 2;
const places = {
  digest: 0,
  height: digestBytes,
  width: digestBytes + 4,
  hash: digestBytes + 8,
  luminance: digestBytes + 16,
  colours: digestBytes + 16 + luminanceBytes,
  checksum: digestBytes + 16 + luminanceBytes + colourBytes,
} as const;

/** Size of a stored descriptor in bytes. */
export const recordBytes = places.checksum + 4;

/** Encodes a descriptor as bytes followed by their CRC-32C. */
export function encodeDescriptor({ digest, height, width, hash, luminance, colours }: Descriptor): Uint8Array {
  const bytes = new Uint8Array(recordBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(digest, places.digest);
  view.setUint32(places.height, height, true);
  view.setUint32(places.width, width, true);
  view.setUint32(places.hash, hash[0], true);
  view.setUint32(places.hash + 4, hash[1], true);
  bytes.set(luminance, places.luminance);
  bytes.set(colours, places.colours);
  view.setUint32(places.checksum, crc32c(bytes.subarray(0, places.checksum)), true);
  return bytes;
}

/** Decodes a stored descriptor; undefined if the bytes are invalid because they were never written or are truncated. */
export function decodeDescriptor(bytes: Uint8Array): Descriptor | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length !== recordBytes) return undefined;
  const checksum = crc32c(bytes.subarray(0, places.checksum));
  // A hole in the file is all zeros; the checksum of zeros is not 0.
  if (view.getUint32(places.checksum, true) !== checksum) return undefined;
  return {
    digest: bytes.slice(places.digest, places.height),
    height: view.getUint32(places.height, true),
    width: view.getUint32(places.width, true),
    hash: [view.getUint32(places.hash, true), view.getUint32(places.hash + 4, true)],
    luminance: bytes.slice(places.luminance, places.colours),
    colours: bytes.slice(places.colours, places.checksum),
  };
}
