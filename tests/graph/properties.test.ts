/** Properties over random shapes: broadcasting against a reference, and moves that undo each other. */
import fc from "fast-check";
import { expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { type Array64, array, count } from "../support/arrays.js";
import { expectClose, of } from "../support/conformance.js";
import * as r from "../support/reference.js";
import { run } from "../support/run.js";

const shape = (maxRank: number) => fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 0, maxLength: maxRank });
const counting = (sides: readonly number[]) => Array.from({ length: count(sides) }, (_, i) => i + 1);

test("broadcasting two shapes agrees with the reference, or both refuse", () => {
  fc.assert(
    fc.property(shape(4), shape(4), (a, b) => {
      let wanted: number[] | undefined;
      try {
        wanted = r.broadcastShape(a, b);
      } catch {}
      const attempt = () => g.add(g.input("a", "float32", a), g.input("b", "float32", b)).shape;
      if (wanted) expect([...attempt()]).toEqual(wanted);
      else expect(attempt).toThrow(`add: shapes [${a.join(", ")}] and [${b.join(", ")}] do not broadcast together`);
    }),
    { numRuns: 500 },
  );
});

test("matmul's batch axes broadcast as the reference's, at run time too", async () => {
  // each axis of the batch is there in both, in one (as 1), or missing in front
  const axis = fc.record({ side: fc.integer({ min: 1, max: 3 }), left: fc.boolean(), right: fc.boolean() });
  const samples = fc.sample(
    fc.record({ batch: fc.array(axis, { maxLength: 3 }), dropLeft: fc.nat(3), dropRight: fc.nat(3) }),
    { numRuns: 40, seed: 4 },
  );
  const outputs: Record<string, g.Tensor> = {};
  const expected: Record<string, ReturnType<typeof r.matmul>> = {};
  samples.forEach(({ batch, dropLeft, dropRight }, i) => {
    const left = batch.map(({ side, left }) => (left ? side : 1)).slice(Math.min(dropLeft, batch.length));
    const right = batch.map(({ side, right }) => (right ? side : 1)).slice(Math.min(dropRight, batch.length));
    const [a, b] = [
      array([...left, 2, 3], counting([...left, 2, 3])),
      array([...right, 4, 3], counting([...right, 4, 3])),
    ];
    outputs[`y${i}`] = g.matmul(g.constant(a.data, a.shape), g.constant(b.data, b.shape), {
      transposeB: true,
      alpha: 0.5,
    });
    expected[`y${i}`] = r.matmul(a, b, false, true, 0.5);
  });
  const results = await run(outputs, {});
  for (const [name, wanted] of Object.entries(expected)) {
    expect([...outputs[name]!.shape]).toEqual([...wanted.shape]);
    expectClose(results[name]!, wanted, 1e-6, name);
  }
});

/** Runs one graph per sample in a single session and compares each with what it should be. */
async function compareAll(cases: readonly { built: (x: g.Tensor) => g.Tensor; sides: number[]; wanted?: Array64 }[]) {
  const outputs: Record<string, g.Tensor> = {};
  const feeds: Record<string, ReturnType<ReturnType<typeof of>>> = {};
  cases.forEach(({ built, sides }, i) => {
    const x = g.input(`x${i}`, "float32", sides);
    feeds[`x${i}`] = of(sides, counting(sides))(Math.random);
    outputs[`y${i}`] = built(x);
  });
  const results = await run(outputs, feeds);
  cases.forEach(({ sides, wanted }, i) => {
    expectClose(results[`y${i}`]!, wanted ?? array(sides, counting(sides)), 0, `case ${i} [${sides}]`);
  });
}

test("reshape there and back, through any order of the sides", async () => {
  const samples = fc.sample(fc.tuple(shape(4), fc.integer(), fc.boolean()), { numRuns: 40, seed: 5 });
  await compareAll(
    samples.map(([sides, salt, flatten]) => ({
      sides,
      built: (x) => {
        const other = flatten ? [-1] : [...sides].sort((a, b) => ((a * 7 + salt) % 5) - ((b * 7 + salt) % 5));
        return g.reshape(g.reshape(x, other), sides);
      },
    })),
  );
});

test("transpose and its inverse", async () => {
  const samples = fc.sample(
    shape(4).chain((sides) =>
      fc.record({
        sides: fc.constant(sides),
        permutation: fc.shuffledSubarray(
          sides.map((_, i) => i),
          { minLength: sides.length },
        ),
      }),
    ),
    { numRuns: 40, seed: 6 },
  );
  await compareAll(
    samples.map(({ sides, permutation }) => ({
      sides,
      built: (x) =>
        g.transpose(
          g.transpose(x, permutation),
          permutation.map((_, i) => permutation.indexOf(i)),
        ),
    })),
  );
});

test("pad, then crop by slice or by a negative pad", async () => {
  const padded = shape(4).chain((sides) => {
    const counts = fc.array(fc.nat(3), { minLength: sides.length, maxLength: sides.length });
    return fc.record({
      sides: fc.constant(sides),
      before: counts,
      after: counts,
      value: fc.integer({ min: -3, max: 3 }),
    });
  });
  const samples = fc.sample(padded, { numRuns: 30, seed: 7 });
  await compareAll(
    samples.flatMap(({ sides, before, after, value }) => [
      {
        sides,
        built: (x: g.Tensor) => {
          const ends = before.map((n, axis) => n + sides[axis]!);
          return g.slice(g.pad(x, before, after, value), before, ends);
        },
      },
      {
        sides,
        built: (x: g.Tensor) =>
          g.pad(
            g.pad(x, before, after, value),
            before.map((n) => -n),
            after.map((n) => -n),
          ),
      },
      {
        sides,
        built: (x: g.Tensor) => g.pad(x, before, after, value),
        wanted: r.pad(array(sides, counting(sides)), before, after, value),
      },
    ]),
  );
});

test("slice by any step against the reference, negative positions included", async () => {
  const sliced = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }).chain((sides) =>
    fc.record({
      sides: fc.constant(sides),
      ranges: fc.tuple(
        ...sides.map((side) =>
          fc.record({
            start: fc.nat(side - 1),
            length: fc.integer({ min: 1, max: side }),
            step: fc.integer({ min: 1, max: 4 }),
          }),
        ),
      ),
      negative: fc.boolean(),
    }),
  );
  const samples = fc.sample(sliced, { numRuns: 60, seed: 8 });
  await compareAll(
    samples.map(({ sides, ranges, negative }) => {
      const starts = ranges.map(({ start }) => start);
      const ends = ranges.map(({ start, length }, axis) => Math.min(start + length, sides[axis]!));
      const steps = ranges.map(({ step }) => step);
      const shift = (positions: number[]) =>
        positions.map((position, axis) => (negative && position < sides[axis]! ? position - sides[axis]! : position));
      return {
        sides,
        built: (x: g.Tensor) => g.slice(x, shift(starts), shift(ends), steps),
        wanted: r.slice(array(sides, counting(sides)), starts, ends, steps),
      };
    }),
  );
});

test("split and concat", async () => {
  const samples = fc.sample(
    fc
      .array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 })
      .chain((sizes) => fc.record({ sizes: fc.constant(sizes), front: shape(2), back: shape(2) })),
    { numRuns: 30, seed: 9 },
  );
  await compareAll(
    samples.map(({ sizes, front, back }) => ({
      sides: [...front, sizes.reduce((a, b) => a + b, 0), ...back],
      built: (x) => g.concat(g.split(x, front.length, sizes), front.length),
    })),
  );
});
