/** Maps over images, and frames around patches. */
import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { narrowColumns, notShown, shownPixels, underMap, withMark } from "../../src/analysis/framework/overlays.js";
import { rawImage } from "../../src/images/index.js";
import * as models from "../support/seeded-models.js";
import { seededSubject } from "../support/seeded-subject.js";

const black = (height: number, width: number) => rawImage(new Uint8Array(height * width * 3), height, width, 3);
const pixel = ({ data, width }: { data: Uint8Array; width: number }, y: number, x: number) => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

test("underMap colours the rectangle of each cell of a grid that is not square", () => {
  const scale = { kind: "sequential", range: [0, 5] } as const;
  const found = underMap(black(4, 9), [0, 1, 2, 3, 4, 5], { rows: 2, columns: 3 }, scale);
  // the last cell, which is the brightest, is rows 2 and 3 and columns 6 to 8
  const brightest = pixel(found, 3, 8);
  expect(pixel(found, 2, 6)).toEqual(brightest);
  expect(pixel(found, 1, 6)).not.toEqual(brightest);
  expect(pixel(found, 2, 5)).not.toEqual(brightest);
  expect(brightest[0]).toBeGreaterThan(100);
});

test("underMap leaves the image under a signed number near 0, in grey", () => {
  const image = rawImage(
    Uint8Array.from({ length: 6 }, (_, i) => [200, 100, 50][i % 3] ?? 0),
    1,
    2,
    3,
  );
  const found = underMap(image, [0, -1], { rows: 1, columns: 2 }, { kind: "diverging", range: [-1, 1] });
  const grey = Math.round(0.299 * 200 + 0.587 * 100 + 0.114 * 50);
  expect(pixel(found, 0, 0)).toEqual([grey, grey, grey]);
  const [red = 0, , blue = 0] = pixel(found, 0, 1);
  expect(blue).toBeGreaterThan(red);
});

test("withMark frames a cell inside the image, also at its edge", () => {
  const found = withMark(black(12, 18), 5, { rows: 2, columns: 3 });
  // cell 5 is rows 6 to 11 and columns 12 to 17: its frame is white around it, and nothing else is
  expect(pixel(found, 5, 14)).toEqual([255, 255, 255]);
  expect(pixel(found, 8, 11)).toEqual([255, 255, 255]);
  expect(pixel(found, 8, 14)).toEqual([0, 0, 0]);
  expect(pixel(found, 2, 2)).toEqual([0, 0, 0]);
});

test("shownPixels keeps the shape of an image and its range of values", async () => {
  const { subject, folder } = await seededSubject(models.vit, { height: 8, width: 12, channels: 3 });
  subject.images.data.fill(-1, 0, 8 * 12 * 3);
  subject.images.data.fill(1, 8 * 12 * 3, 2 * 8 * 12 * 3);
  const [first, second] = [shownPixels(subject, 0), shownPixels(subject, 1)];
  expect([first.height, first.width]).toEqual([112, 168]);
  expect([pixel(first, 50, 50), pixel(second, 50, 50)]).toEqual([
    [0, 0, 0],
    [255, 255, 255],
  ]);
  expect(notShown(subject)).toBeUndefined();
  expect(notShown({ ...subject, imageShape: [8, 12, 2] })).toMatch(/2 channels/);
  await subject.close();
  await rm(folder, { recursive: true });
});

test("narrowColumns leaves no image by itself where two columns avoid it", () => {
  expect([2, 3, 4, 5, 6, 7, 10].map(narrowColumns)).toEqual([3, 3, 2, 3, 3, 3, 2]);
});
