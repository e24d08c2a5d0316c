/**
 * Defines the edits that measure a search for near-duplicates, as they occur in republished images, each at several
 * strengths.
 */

import {
  crop,
  decodeImage,
  encodeJpeg,
  flipLeftRight,
  type RawImage,
  rawImage,
  resizeArea,
  resizeBilinear,
} from "../../images/index.js";
import { createRandom, type Random } from "../../random/keyed.js";
import { percent } from "../../text/format.js";

/** A kind of edit and its strengths, weakest first. */
export interface Edit {
  readonly name: string;
  readonly strengths: readonly {
    readonly name: string;
    apply(image: RawImage, random: Random): RawImage | Promise<RawImage>;
  }[];
}

const clamp = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));

function mapPixels(
  image: RawImage,
  change: (r: number, g: number, b: number) => readonly [number, number, number],
): RawImage {
  const out = new Uint8Array(image.data.length);
  for (let i = 0; i < out.length; i += 3) {
    const [r, g, b] = change(image.data[i]!, image.data[i + 1]!, image.data[i + 2]!);
    out[i] = clamp(r);
    out[i + 1] = clamp(g);
    out[i + 2] = clamp(b);
  }
  return rawImage(out, image.height, image.width, 3);
}

const eachLevel = (image: RawImage, change: (level: number) => number): RawImage =>
  mapPixels(image, (r, g, b) => [change(r), change(g), change(b)]);

const scaled = (image: RawImage, factor: number): RawImage => {
  const height = Math.max(8, Math.round(image.height * factor));
  const width = Math.max(8, Math.round(image.width * factor));
  return factor < 1 ? resizeArea(image, height, width) : resizeBilinear(image, height, width);
};

/** A randomly placed crop with this fraction of both sides. */
function cropped(image: RawImage, share: number, random: Random): RawImage {
  const height = Math.round(image.height * share);
  const width = Math.round(image.width * share);
  const top = random.integer(image.height - height + 1);
  const left = random.integer(image.width - width + 1);
  return crop(image, { top, left, height, width });
}

/**
 * Shifts the image by a fraction of its sides in one of four directions and repeats the border in the uncovered part.
 */
function shifted(image: RawImage, share: number, random: Random): RawImage {
  const dy = Math.round(image.height * share) * (random.integer(2) * 2 - 1);
  const dx = Math.round(image.width * share) * (random.integer(2) * 2 - 1);
  const out = new Uint8Array(image.data.length);
  for (let y = 0; y < image.height; y++) {
    const row = Math.min(image.height - 1, Math.max(0, y + dy));
    for (let x = 0; x < image.width; x++) {
      const column = Math.min(image.width - 1, Math.max(0, x + dx));
      for (let c = 0; c < 3; c++)
        out[(y * image.width + x) * 3 + c] = image.data[(row * image.width + column) * 3 + c]!;
    }
  }
  return rawImage(out, image.height, image.width, 3);
}

function transposed(image: RawImage): RawImage {
  const out = new Uint8Array(image.data.length);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      for (let c = 0; c < 3; c++) out[(x * image.height + y) * 3 + c] = image.data[(y * image.width + x) * 3 + c]!;
    }
  }
  return rawImage(out, image.width, image.height, 3);
}

const quarterTurn = (image: RawImage): RawImage => flipLeftRight(transposed(image));

/** The mean over a window of 2 * radius + 1 pixels along both axes. */
function blurred(image: RawImage, radius: number): RawImage {
  const out = new Uint8Array(image.data.length);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < image.width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        let count = 0;
        for (let row = Math.max(0, y - radius); row <= Math.min(image.height - 1, y + radius); row++) {
          for (let column = Math.max(0, x - radius); column <= Math.min(image.width - 1, x + radius); column++) {
            sum += image.data[(row * image.width + column) * 3 + c]!;
            count++;
          }
        }
        out[(y * image.width + x) * 3 + c] = Math.round(sum / count);
      }
    }
  }
  return rawImage(out, image.height, image.width, 3);
}

function sharpened(image: RawImage, amount: number): RawImage {
  const soft = blurred(image, 1).data;
  return rawImage(
    image.data.map((value, i) => clamp(value + amount * (value - soft[i]!))),
    image.height,
    image.width,
    3,
  );
}

/** Adds Gaussian noise by the Box-Muller transform. */
function noisy(image: RawImage, deviation: number, random: Random): RawImage {
  const noise = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  return eachLevel(image, (level) => level + deviation * noise());
}

/** A frame of one colour around the image, taking this fraction of both sides. */
function framed(image: RawImage, share: number): RawImage {
  const inner = scaled(image, 1 - share);
  const out = new Uint8Array(image.data.length).fill(255);
  const top = Math.floor((image.height - inner.height) / 2);
  const left = Math.floor((image.width - inner.width) / 2);
  for (let y = 0; y < inner.height; y++) {
    const row = inner.data.subarray(y * inner.width * 3, (y + 1) * inner.width * 3);
    out.set(row, ((top + y) * image.width + left) * 3);
  }
  return rawImage(out, image.height, image.width, 3);
}

const luminance = (r: number, g: number, b: number): number => 0.299 * r + 0.587 * g + 0.114 * b;

function saturated(image: RawImage, factor: number): RawImage {
  return mapPixels(image, (r, g, b) => {
    const grey = luminance(r, g, b);
    return [grey + factor * (r - grey), grey + factor * (g - grey), grey + factor * (b - grey)];
  });
}

async function recompressed(image: RawImage, quality: number): Promise<RawImage> {
  const bytes = await encodeJpeg(image, quality);
  return (await decodeImage({ kind: "encoded", bytes }, `JPEG of quality ${quality}`)) as RawImage;
}

/** Every edit. Images have three channels. */
export const edits: readonly Edit[] = [
  {
    name: "scale",
    strengths: [0.75, 0.5, 0.25].map((f) => ({ name: percent(f, 0), apply: (image) => scaled(image, f) })),
  },
  {
    name: "JPEG quality",
    strengths: [75, 30, 10].map((q) => ({ name: String(q), apply: (image) => recompressed(image, q) })),
  },
  {
    name: "crop",
    strengths: [0.95, 0.9, 0.8, 0.7].map((s) => ({
      name: `${percent(s, 0)} of each side`,
      apply: (image, random) => cropped(image, s, random),
    })),
  },
  {
    name: "shift",
    strengths: [0.05, 0.1, 0.15].map((s) => ({
      name: percent(s, 0),
      apply: (image, random) => shifted(image, s, random),
    })),
  },
  { name: "frame", strengths: [0.1, 0.2].map((s) => ({ name: percent(s, 0), apply: (image) => framed(image, s) })) },
  { name: "mirror", strengths: [{ name: "left to right", apply: flipLeftRight }] },
  {
    name: "turn",
    strengths: [
      { name: "90°", apply: quarterTurn },
      { name: "180°", apply: (image) => quarterTurn(quarterTurn(image)) },
    ],
  },
  {
    name: "brightness",
    strengths: [1.2, 0.7, 1.5].map((f) => ({
      name: `× ${f}`,
      apply: (image) => eachLevel(image, (level) => level * f),
    })),
  },
  {
    name: "contrast",
    strengths: [1.5, 0.5, 2].map((f) => ({
      name: `× ${f}`,
      apply: (image) => eachLevel(image, (level) => 128 + f * (level - 128)),
    })),
  },
  {
    name: "gamma",
    strengths: [0.7, 1.5, 2].map((g) => ({
      name: String(g),
      apply: (image) => eachLevel(image, (level) => 255 * (level / 255) ** g),
    })),
  },
  {
    name: "saturation",
    strengths: [1.5, 0, 3].map((f) => ({ name: f === 0 ? "grey" : `× ${f}`, apply: (image) => saturated(image, f) })),
  },
  {
    name: "blur",
    strengths: [1, 2, 3].map((r) => ({ name: `${2 * r + 1} pixels`, apply: (image) => blurred(image, r) })),
  },
  { name: "sharpen", strengths: [1, 3].map((a) => ({ name: `× ${a}`, apply: (image) => sharpened(image, a) })) },
  {
    name: "noise",
    strengths: [8, 16, 32].map((d) => ({
      name: `± ${d} levels`,
      apply: (image, random) => noisy(image, d, random),
    })),
  },
];

/** Applies an edit to an RGB image; its random choices depend only on the keys. */
export async function applyEdit(
  image: RawImage,
  edit: Edit,
  strength: number,
  ...keys: readonly (string | number)[]
): Promise<RawImage> {
  return await edit.strengths[strength]!.apply(image, createRandom("edit", edit.name, strength, ...keys));
}
