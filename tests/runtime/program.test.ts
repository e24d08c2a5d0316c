/** Programs own their state from run to run, in a worker thread and in the calling one; failures change nothing. */
import { afterEach, describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { type CompileOptions, compile, type Program } from "../../src/runtime/index.js";
import { expectedTotal, feedsAt, firstState, started, width } from "./support.js";

const programs: Program[] = [];
const start = async (options: CompileOptions & { stepsPerRun?: number } = {}): Promise<Program> => {
  const program = await started(options);
  programs.push(program);
  return program;
};
afterEach(async () => {
  for (const program of programs.splice(0)) await program.close();
});

function expectTotal(given: ArrayLike<number>, steps: number): void {
  expectedTotal(steps).forEach((value, i) => {
    expect(given[i]).toBeCloseTo(value, 5);
  });
}

describe.each([
  ["in a worker thread", {}],
  ["in the calling thread", { inThread: true }],
])("a program %s", (_place, options) => {
  test("keeps its state from step to step, and functions share it", async () => {
    const program = await start(options);
    for (let step = 0; step < 5; step++) {
      const { norm } = await program.step(feedsAt(step));
      expect(norm![0]).toBeCloseTo(
        expectedTotal(step + 1).reduce((sum, value) => sum + value * value, 0),
        5,
      );
      const { value } = await program.run("read", { shown: Float32Array.of(2) });
      expectTotal(
        Array.from(value as Float32Array, (x) => x / 2),
        step + 1,
      );
    }
    const { total, count, decay } = await program.readState();
    expectTotal(total as Float32Array, 5);
    expect(count![0]).toBe(5);
    expect(decay).toEqual(firstState().decay);
  });

  test("says its state, and reads the part that is asked for", async () => {
    const program = await start(options);
    expect(program.state).toEqual({
      total: { dtype: "float32", shape: [width] },
      count: { dtype: "float32", shape: [] },
      decay: { dtype: "float32", shape: [width] },
    });
    expect(Object.keys(await program.readState(["count"]))).toEqual(["count"]);
    expect(program.device).toBe("cpu");
    expect(program.nodes["step"]).toBeGreaterThan(0);
  });

  test("state written and read is a copy on either side", async () => {
    const program = await start(options);
    const given = Float32Array.of(1, 2, 3, 4);
    await program.writeState({ total: given });
    given.fill(99);
    const first = (await program.readState(["total"]))["total"]!;
    expect(Array.from(first as Float32Array)).toEqual([1, 2, 3, 4]);
    first.fill(0 as never);
    expect(Array.from((await program.readState(["total"]))["total"] as Float32Array)).toEqual([1, 2, 3, 4]);
  });

  test("state that is handed over is taken, also where two tensors were given one array", async () => {
    const total = Float32Array.of(1, 2, 3, 4);
    const program = await start(options);
    await program.writeState({ ...firstState(), total, decay: total }, { transfer: true });
    await program.step(feedsAt(0));
    const { decay, total: next } = await program.readState();
    expect([...decay!]).toEqual([1, 2, 3, 4]);
    const { x, rate } = feedsAt(0);
    expect([...next!]).toEqual([1, 4, 9, 16].map((value, i) => Math.fround(value + Math.fround(rate[0]! * x[i]!))));
  });

  test("runs asked for at once are taken in order", async () => {
    const program = await start(options);
    const results = await Promise.all(Array.from({ length: 6 }, (_, step) => program.step(feedsAt(step))));
    results.forEach(({ mean }, step) => {
      expect(mean![0]).toBeCloseTo(expectedTotal(step + 1).reduce((a, b) => a + b) / width, 5);
    });
    expect((await program.readState(["count"]))["count"]![0]).toBe(6);
  });

  test("arrays given stay the caller's: they can be read and changed at once, and given again", async () => {
    const program = await start(options);
    const { x, rate } = { x: Float32Array.of(1, 2, 3, 4), rate: Float32Array.of(1) };
    const runs = [program.step({ x, rate }), program.attempt("step", { x, rate }, { commitWhenFinite: [] })];
    x.fill(100);
    runs.push(program.run("step", { x, rate }));
    x.fill(Number.NaN);
    await Promise.all(runs);
    expect([x.length, rate.length]).toEqual([4, 1]);
    const { decay } = firstState();
    const expected = [1, 2, 3, 4].map((value, i) => {
      const factor = decay[i]!;
      return Math.fround((value * factor + value) * factor + 100);
    });
    Array.from((await program.readState(["total"]))["total"] as Float32Array).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
    const large = new Float32Array(1 << 18).fill(1.5);
    const feeds = { large };
    await program.run("twice", feeds);
    expect(feeds.large).toBe(large);
    expect(large.every((value) => value === 1.5)).toBe(true);
  });

  test("arrays transferred are back in the record after the run, with what they held", async () => {
    const program = await start(options);
    const feeds = { large: new Float32Array(1 << 18).fill(1.5) };
    for (let round = 0; round < 3; round++) {
      const { value } = await program.run("twice", feeds, { transfer: true });
      expect(feeds.large.length).toBe(1 << 18);
      expect(feeds.large.every((x) => x === 1.5 * 2 ** round)).toBe(true);
      feeds.large.set(value as Float32Array);
    }
  });

  test("arrays that are part of a larger one, or share one, are back too, and the larger one is left alone", async () => {
    const program = await start(options);
    const memory = new Float32Array(10).fill(7);
    const feeds = { x: memory.subarray(2, 6), rate: memory.subarray(9) };
    await program.step(feeds, { transfer: true });
    expect(Array.from(memory)).toEqual(new Array(10).fill(7));
    expect(Array.from(feeds.x)).toEqual([7, 7, 7, 7]);
    expect(Array.from((await program.readState(["total"]))["total"] as Float32Array)).toEqual([49, 49, 49, 49]);
    const shared = new Float32Array(new SharedArrayBuffer(16)).fill(1);
    const { norm } = await program.step({ x: shared, rate: Float32Array.of(0) });
    expect(norm![0]).toBeGreaterThan(0);
  });

  test.each<[string, () => Record<string, Float32Array>, RegExp]>([
    ["a missing input", () => ({ x: new Float32Array(width) }), /^step: missing value of input rate/],
    [
      "an array of the wrong size",
      () => ({ x: new Float32Array(width + 1), rate: Float32Array.of(1) }),
      /^input x has type float32 \[4\], 4 numbers; got 5$/,
    ],
    [
      "an array of the wrong kind",
      () => ({ x: new Float64Array(width) as never, rate: Float32Array.of(1) }),
      /input x has type float32.*Float64Array/,
    ],
  ])("%s is an error that changes nothing", async (_name, feedsOf, message) => {
    const program = await start(options);
    await program.step(feedsAt(0));
    const before = await program.readState();
    const feeds = feedsOf();
    const lengths = Object.values(feeds).map((array) => array.length);
    await expect(program.step(feeds)).rejects.toThrow(message);
    expect(Object.values(feeds).map((array) => array.length)).toEqual(lengths);
    expect(await program.readState()).toEqual(before);
    await program.step(feedsAt(1));
    expectTotal((await program.readState(["total"]))["total"] as Float32Array, 2);
  });

  test("unknown functions and state are named, beside what there is", async () => {
    const program = await start(options);
    await expect(program.run("steps", {})).rejects.toThrow("unknown function steps; available: step, read, twice");
    await expect(program.readState(["sum"])).rejects.toThrow("unknown state sum; this program has total, count, decay");
    await expect(program.writeState({ sum: new Float32Array(1) })).rejects.toThrow("unknown state sum");
  });

  test("state that does not fit is refused, and none of what came with it is taken", async () => {
    const program = await start(options);
    const before = await program.readState();
    await expect(program.writeState({ count: Float32Array.of(3), total: new Float32Array(width - 1) })).rejects.toThrow(
      "state total is float32 [4]; got 3 numbers",
    );
    expect(await program.readState()).toEqual(before);
  });

  test("state that was never given is an error that names it", async () => {
    const program = await start(options);
    const x = g.input("x", "float32", [2]);
    const kept = g.input("kept", "float32", [2]);
    const bare = await compile(
      { state: [kept], functions: { step: { inputs: [x], outputs: { y: g.add(x, kept) } } } },
      { threads: 1, ...options },
    );
    programs.push(bare);
    await expect(bare.step({ x: new Float32Array(2) })).rejects.toThrow(
      "state kept has no value; set it with writeState first",
    );
    await bare.writeState({ kept: Float32Array.of(1, 2) });
    expect(Array.from((await bare.step({ x: new Float32Array(2) }))["y"] as Float32Array)).toEqual([1, 2]);
    await program.step(feedsAt(0));
  });

  test("a failure inside the runtime changes nothing either", async () => {
    const table = g.input("table", "float32", [3, 2]);
    const total = g.input("total", "float32", [2]);
    const index = g.input("index", "int32", [1]);
    const row = g.reshape(g.gatherRows(table, index), [2]);
    const program = await compile(
      {
        state: [total, table],
        functions: {
          step: { inputs: [index], outputs: { sum: g.reduceSum(total) }, next: { total: g.add(total, row) } },
        },
      },
      { threads: 1, ...options },
    );
    programs.push(program);
    await program.writeState({ total: Float32Array.of(1, 2), table: Float32Array.of(1, 1, 2, 2, 3, 3) });
    await expect(program.step({ index: Int32Array.of(1000) })).rejects.toThrow(/indices? element out of data bounds/i);
    expect(Array.from((await program.readState(["total"]))["total"] as Float32Array)).toEqual([1, 2]);
    await program.step({ index: Int32Array.of(2) });
    expect(Array.from((await program.readState(["total"]))["total"] as Float32Array)).toEqual([4, 5]);
  });

  test("several steps in one run give what single runs give, to the last bit", async () => {
    const steps = 7;
    const [one, many] = [await start(options), await start({ ...options, stepsPerRun: steps })];
    for (let round = 0; round < 2; round++) {
      const singles = [];
      const x = new Float32Array(steps * width);
      const rate = new Float32Array(steps);
      for (let i = 0; i < steps; i++) {
        const feeds = feedsAt(round * steps + i);
        x.set(feeds.x, i * width);
        rate.set(feeds.rate, i);
        singles.push(await one.step(feeds));
      }
      const stacked = await many.step({ x, rate });
      for (const name of ["norm", "mean"]) {
        expect(Array.from(stacked[name] as Float32Array)).toEqual(singles.map((single) => single[name]![0]));
      }
      expect(await many.readState()).toEqual(await one.readState());
    }
  });

  test("state is kept as it was when a number that was to be finite is not, and the outputs say which", async () => {
    const program = await start(options);
    await program.step(feedsAt(0));
    const before = await program.readState();
    const guarded = { commitWhenFinite: ["norm", "mean"] };
    for (const rate of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
      const { committed, results } = await program.attempt(
        "step",
        { ...feedsAt(1), rate: Float32Array.of(rate) },
        guarded,
      );
      expect(committed).toBe(false);
      expect(Number.isFinite(results["norm"]![0])).toBe(false);
      expect(await program.readState()).toEqual(before);
    }
    // only what is named decides: the sum of squares passes the largest float32, their mean does not
    const mean = await program.attempt(
      "step",
      { ...feedsAt(1), rate: Float32Array.of(1e20) },
      { commitWhenFinite: ["mean"] },
    );
    expect([mean.committed, Number.isFinite(mean.results["norm"]![0])]).toEqual([true, false]);
    await program.writeState(before);
    const good = await program.attempt("step", feedsAt(1), guarded);
    expect(good.committed).toBe(true);
    expectTotal((await program.readState())["total"] as Float32Array, 2);
    await expect(program.attempt("step", feedsAt(2), { commitWhenFinite: ["loss"] })).rejects.toThrow(
      "step has no output loss; commitWhenFinite expects some of norm, mean",
    );
    expectTotal((await program.readState())["total"] as Float32Array, 2);
  });

  test("of several steps in one run all are kept or none", async () => {
    const steps = 3;
    const program = await start({ ...options, stepsPerRun: steps });
    const guarded = { commitWhenFinite: ["norm"] };
    const stacked = (bad: number) => ({
      x: Float32Array.from(Array.from({ length: steps }, (_, i) => Array.from(feedsAt(i).x)).flat()),
      rate: Float32Array.from({ length: steps }, (_, i) => (i === bad ? Number.NaN : feedsAt(i).rate[0]!)),
    });
    for (const bad of [0, steps - 1]) {
      expect((await program.attempt("step", stacked(bad), guarded)).committed).toBe(false);
      expect(await program.readState()).toEqual(firstState());
    }
    expect((await program.attempt("step", stacked(-1), guarded)).committed).toBe(true);
    expectTotal((await program.readState())["total"] as Float32Array, steps);
  });

  test("half-precision outputs decide too", async () => {
    const [kept, x] = [g.input("kept", "float32", []), g.input("x", "float32", [])];
    const step = { inputs: [x], outputs: { half: g.cast(x, "float16") }, next: { kept: g.add(kept, x) } };
    const program = await compile({ state: [kept], functions: { step } }, { threads: 1, ...options });
    programs.push(program);
    await program.writeState({ kept: Float32Array.of(0) });
    const attempts = [];
    for (const value of [65504, 65520, Number.NaN, -2]) {
      const { committed } = await program.attempt(
        "step",
        { x: Float32Array.of(value) },
        { commitWhenFinite: ["half"] },
      );
      attempts.push(committed);
    }
    expect(attempts).toEqual([true, false, false, true]);
    expect((await program.readState())["kept"]![0]).toBe(65502);
  });

  test("a closed program says so, and closing twice is no error", async () => {
    const program = await start(options);
    await program.close();
    await program.close();
    await expect(program.step(feedsAt(0))).rejects.toThrow("the program is closed");
  });

  test("closing while runs are under way leaves none of them open", async () => {
    const program = await start(options);
    const feeds = Array.from({ length: 20 }, () => ({ large: new Float32Array(1 << 18) }));
    const outcomes = Promise.allSettled(feeds.map((each) => program.run("twice", each, { transfer: true })));
    await program.close();
    for (const outcome of await outcomes) {
      if (outcome.status === "rejected") expect(String(outcome.reason)).toMatch(/the program is closed/);
    }
    for (const { large } of feeds) expect(large.length).toBe(1 << 18);
    await expect(program.readState()).rejects.toThrow("the program is closed");
  });
});

test("arrays that were already given away are refused without losing the program", async () => {
  const program = await start();
  const feeds = feedsAt(0);
  const given = feeds.x;
  const running = program.step(feeds, { transfer: true });
  for (const transfer of [false, true]) {
    await expect(program.step({ x: given, rate: Float32Array.of(1) }, { transfer })).rejects.toThrow(
      "x: the array was transferred to a run; wait for that run and take the array that the record of its feeds then holds, or run without transfer",
    );
  }
  await running;
  expect([given.length, feeds.x.length]).toEqual([0, width]);
  expectTotal((await program.readState(["total"]))["total"] as Float32Array, 1);
});

test("a next value for state that is not there is refused when compiled", async () => {
  const x = g.input("x", "float32", [2]);
  const source = { state: [], functions: { step: { inputs: [x], outputs: {}, next: { y: x } } } };
  await expect(compile(source)).rejects.toThrow("next has no state y; declare it in state");
});

test("a function that uses an input it is not given is refused when compiled", async () => {
  const x = g.input("x", "float32", [2]);
  const y = g.input("y", "float32", [2]);
  for (const stepsPerRun of [1, 2]) {
    const source = { state: [], functions: { step: { inputs: [x], outputs: { z: g.add(x, y) }, stepsPerRun } } };
    await expect(compile(source)).rejects.toThrow(/\by\b/);
  }
});
