/** The embedded suite's tasks: dSprites as published, sizes, labels, and pictures that are the same every time. */
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { renderSprite, spriteCount, spriteLatents } from "../../../src/benchmarks/vtab/embedded/dsprites.js";
import { suiteTasks } from "../../../src/benchmarks/vtab/embedded/index.js";
import { spriteTask } from "../../../src/benchmarks/vtab/embedded/sprites.js";
import { renderTurntable } from "../../../src/benchmarks/vtab/embedded/turntable.js";
import { dspritesClass } from "../../../src/benchmarks/vtab/sets/labels.js";
import type { RawImage } from "../../../src/images/index.js";

/** The factors of the 320 frames of the publisher's animation, in its order. */
function animation(): [shape: number, scale: number, orientation: number, x: number, y: number][] {
  const up = [0, 1, 2, 3, 4, 5];
  const down = up.toReversed();
  const all = Array.from({ length: 32 }, (_, i) => i);
  return [2, 1, 0].flatMap((shape) => [
    ...[...up, ...down, ...up].map((scale) => [shape, scale, 0, 0, 0] as [number, number, number, number, number]),
    ...Array.from({ length: 40 }, (_, turn) => [shape, 5, turn, 0, 0] as [number, number, number, number, number]),
    ...(shape === 2
      ? [
          ...all.map((y) => [shape, 5, 0, 0, y] as [number, number, number, number, number]),
          ...all.map((x) => [shape, 5, 0, x, 31] as [number, number, number, number, number]),
          ...all.toReversed().map((y) => [shape, 5, 0, 31, y] as [number, number, number, number, number]),
          ...all.toReversed().map((x) => [shape, 5, 0, x, 0] as [number, number, number, number, number]),
        ]
      : []),
    ...down.map((scale) => [shape, scale, 0, 0, 0] as [number, number, number, number, number]),
  ]);
}

describe("dSprites", () => {
  it("draws the 320 frames of the publisher's animation to the last bit", () => {
    const hash = createHash("sha256");
    const frames = animation();
    for (const [shape, scale, orientation, x, y] of frames)
      hash.update(renderSprite({ shape, scale, orientation, x, y }).data);
    expect(frames).toHaveLength(320);
    // Of the frames of dsprites.gif (github.com/google-deepmind/dsprites-dataset), 64 x 64 pixels of 0 or 255 each.
    expect(hash.digest("hex")).toBe("4df7a45fd0f462d9c652ca4e8521b58f26683bb519614775c97a9b91e60006da");
  });

  it("has the archive's order, y first", () => {
    expect(spriteLatents(0)).toEqual({ shape: 0, scale: 0, orientation: 0, x: 0, y: 0 });
    expect(spriteLatents(1).y).toBe(1);
    expect(spriteLatents(32)).toEqual({ shape: 0, scale: 0, orientation: 0, x: 1, y: 0 });
    expect(spriteLatents(32 * 32 * 40)).toEqual({ shape: 0, scale: 1, orientation: 0, x: 0, y: 0 });
    expect(spriteLatents(spriteCount - 1)).toEqual({ shape: 2, scale: 5, orientation: 39, x: 31, y: 31 });
    expect(() => spriteLatents(spriteCount)).toThrow(RangeError);
  });

  it("cuts the published splits, whose labels are those of the images", async () => {
    const { train, validation, test } = await spriteTask("orientation").open();
    expect([train.length, validation.length, test.length]).toEqual([589_824, 73_728, 73_728]);
    const pictures = [train, validation, test].flatMap((source) =>
      Array.from({ length: 1000 }, (_, i) => Number(source.idOf!(i).split("#")[1])),
    );
    expect(new Set(pictures).size).toBe(3000);
    const { label, id } = await test.get(5);
    expect(label).toBe(dspritesClass(spriteLatents(Number(id.split("#")[1])).orientation, 40));
  });
});

describe("the embedded suite", () => {
  const tasks = suiteTasks();

  it("has tasks of all three groups under names of their own", () => {
    expect(new Set(tasks.map(({ name }) => name)).size).toBe(tasks.length);
    expect([...new Set(tasks.map(({ group }) => group))]).toEqual(["natural", "specialised", "structured"]);
  });

  it.each(tasks.map((task) => [task.name, task] as const))(
    "%s has the sizes and classes it declares",
    async (_, task) => {
      const splits = await task.open();
      for (const split of ["train", "validation", "test"] as const) {
        const source = splits[split];
        expect(source.length).toBe(task.sizes[split]);
        expect(source.classNames).toHaveLength(task.classes);
        expect(source.length >= (split === "validation" ? 200 : 372)).toBe(true);
      }
      const { train, test } = splits;
      // Every class is among the first 800, which are what is learnt from.
      expect(new Set(train.labels.subarray(0, 800)).size).toBe(task.classes);
      const [first, again] = [await test.get(3), await test.get(3)];
      expect(again).toEqual(first);
      expect(first.label).toBe(test.labels[3]);
      for (const source of Object.values(splits)) await source.close();
    },
  );
});

describe("the turntable", () => {
  const view = { kind: 1, toy: 0, lighting: 2, azimuth: 4, elevation: 3 };
  const difference = (a: RawImage, b: RawImage): number =>
    a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length;

  it("shows every factor", () => {
    const picture = renderTurntable(view);
    expect([picture.height, picture.width, picture.channels]).toEqual([96, 96, 1]);
    for (const factor of Object.keys(view) as (keyof typeof view)[]) {
      const other = renderTurntable({ ...view, [factor]: view[factor] + 1 });
      expect(difference(picture, other), factor).toBeGreaterThan(0.3);
    }
  });

  it("tells the elevation by the toy, not by the ground", () => {
    const corners = [0, 8].map((elevation) => {
      const { data } = renderTurntable({ ...view, elevation });
      return [data[0]!, data[95]!, data[96 * 95]!, data[96 * 96 - 1]!];
    });
    for (const [i, value] of corners[0]!.entries()) expect(Math.abs(value - corners[1]![i]!)).toBeLessThanOrEqual(4);
  });
});
