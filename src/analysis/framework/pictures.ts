/** Images of a subject as pictures of a report. */
import { pixelUri } from "../../report/index.js";
import type { Subject } from "./subject.js";

/** Pixels of an image, [height * width * channels] bytes: the value range of the network mapped to 0 to 255, for each channel. */
export function imageBytes({ images, imageShape, valueRange }: Subject, image: number): Uint8ClampedArray {
  const [height, width, channels] = imageShape;
  const size = height * width * channels;
  return Uint8ClampedArray.from({ length: size }, (_, i) => {
    const [low, high] = valueRange[(i % channels) % valueRange.length] ?? [0, 255];
    return (255 * ((images.data[image * size + i] ?? 0) - low)) / (high - low);
  });
}

/** Data URI of an image. Throws an Error for another number of channels than 1 and 3. */
export function imageUri(subject: Subject, image: number): string {
  const [height, width, channels] = subject.imageShape;
  if (channels !== 1 && channels !== 3)
    throw new Error(`images of ${channels} channels cannot be shown; expected 1 or 3`);
  return pixelUri({ data: imageBytes(subject, image), height, width, channels });
}

/** Name of an image: its class, or its number if it has none. */
export const imageName = ({ images }: Subject, image: number): string =>
  images.classNames[images.labels[image] ?? -1] ?? `image ${image}`;
