/** Foregrounds laid on backgrounds: all pairs, pixels worked by hand, and what is refused. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import type { RawImage } from "../../../src/images/index.js";
import { temporaryFolder } from "../../support/pictures.js";

const root = temporaryFolder();
const front = join(root, "front");
const back = join(root, "back");
const spec = `composed:${front}?backgrounds=${back}&size=16&scale=0.5`;
afterAll(() => rmSync(root, { recursive: true }));

/** 12 x 6 pixels, of which the middle 8 x 4 hold the object: its left half opaque, its right half transparent to a half. */
async function foreground(path: string, [r, g, b]: readonly [number, number, number]): Promise<void> {
  mkdirSync(join(path, ".."), { recursive: true });
  const data = new Uint8Array(12 * 6 * 4);
  for (let y = 1; y < 5; y++) for (let x = 2; x < 10; x++) data.set([r, g, b, x < 6 ? 255 : 128], (y * 12 + x) * 4);
  await sharp(data, { raw: { width: 12, height: 6, channels: 4 } })
    .png()
    .toFile(path);
}

beforeAll(async () => {
  await foreground(join(front, "cup", "1.png"), [200, 0, 0]);
  await foreground(join(front, "dog", "1.png"), [0, 200, 0]);
  await foreground(join(front, "dog", "2.png"), [0, 0, 200]);
  mkdirSync(back);
  for (const [i, blue] of [40, 80].entries()) {
    await sharp({ create: { width: 20, height: 16, channels: 3, background: { r: 0, g: 0, b: blue } } })
      .png()
      .toFile(join(back, `${i}.png`));
  }
});

test("every foreground on every background, in the middle, its margin cut off", async () => {
  const source = await openSource(spec);
  expect([source.length, [...source.labels], source.classNames]).toEqual([6, [0, 0, 1, 1, 1, 1], ["cup", "dog"]]);
  expect(source.idOf!(3)).toBe(`${join(front, "dog", "1.png")} on ${join(back, "1.png")}`);
  const { image, label } = await source.get(1);
  const { data, height, width } = image as RawImage;
  expect([label, height, width]).toEqual([0, 16, 16]);
  const at = (y: number, x: number) => [...data.subarray((y * 16 + x) * 3, (y * 16 + x) * 3 + 3)];
  // 8 x 4 pixels from (6, 4)
  expect(at(6, 4)).toEqual([200, 0, 0]);
  expect(at(9, 7)).toEqual([200, 0, 0]);
  expect(at(9, 11)).toEqual([100, 0, 40]);
  for (const [y, x] of [
    [5, 4],
    [10, 4],
    [6, 3],
    [6, 12],
    [0, 0],
  ] as const)
    expect(at(y, x)).toEqual([0, 0, 80]);
  await source.close();
});

test("like any source, it is cut and opened again by its recipe", async () => {
  const source = await openSource(`${spec}&only=dog&take=2`);
  expect([source.length, source.recipe !== undefined]).toEqual([2, true]);
  await source.close();
});

test("what is missing is said", async () => {
  await expect(openSource(`composed:${front}`)).rejects.toThrow(/has no backgrounds; add \?backgrounds=FOLDER/);
  const empty = join(root, "empty");
  mkdirSync(empty);
  await expect(openSource(`composed:${front}?backgrounds=${empty}`)).rejects.toThrow(/there are no images in/);
  await expect(openSource(`${spec}&scale=2`)).rejects.toThrow(/invalid scale "2"; expected a number/);
  const clear = join(root, "clear");
  mkdirSync(join(clear, "a"), { recursive: true });
  writeFileSync(
    join(clear, "a", "1.png"),
    await sharp(new Uint8Array(64), { raw: { width: 4, height: 4, channels: 4 } })
      .png()
      .toBuffer(),
  );
  const source = await openSource(`composed:${clear}?backgrounds=${back}`);
  await expect(source.get(0)).rejects.toThrow(/transparent everywhere/);
});
