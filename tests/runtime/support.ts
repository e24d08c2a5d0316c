/** A small program with state, for tests of how programs are run: a leaky running sum, and what reads and fails. */
import * as g from "../../src/graph/index.js";
import { type CompileOptions, compile, type Program, type ProgramSource } from "../../src/runtime/index.js";

export const width = 4;

/**
 * `step` (x [4], rate): total becomes decay * total + rate * x, count grows by 1; gives the sum of total's square.
 * `read` gives total as it is; `twice` gives x + x of a quarter of a million numbers and touches no state.
 */
export function runningSum(stepsPerRun?: number): ProgramSource {
  const total = g.input("total", "float32", [width]);
  const count = g.input("count", "float32", []);
  const decay = g.input("decay", "float32", [width]);
  const x = g.input("x", "float32", [width]);
  const rate = g.input("rate", "float32", []);
  const next = g.add(g.multiply(total, decay), g.multiply(x, rate));
  const shown = g.input("shown", "float32", []);
  const large = g.input("large", "float32", [1 << 18]);
  return {
    state: [total, count, decay],
    functions: {
      step: {
        inputs: [x, rate],
        outputs: { norm: g.reduceSum(g.multiply(next, next)), mean: g.divide(g.reduceSum(next), width) },
        next: { total: next, count: g.add(count, 1) },
        stepsPerRun,
      },
      read: { inputs: [shown], outputs: { value: g.multiply(total, shown) } },
      twice: { inputs: [large], outputs: { value: g.add(large, large) } },
    },
  };
}

export const firstState = () => ({
  total: new Float32Array(width),
  count: Float32Array.of(0),
  decay: Float32Array.of(1, 0.5, 0.25, 0.1),
});

export const feedsAt = (step: number) => ({
  x: Float32Array.from({ length: width }, (_, i) => Math.sin(1 + step * width + i)),
  rate: Float32Array.of(1 / (1 + step)),
});

/** The same in float64: the state after a number of steps. */
export function expectedTotal(steps: number): number[] {
  const { decay } = firstState();
  const total = new Array<number>(width).fill(0);
  for (let step = 0; step < steps; step++) {
    const { x, rate } = feedsAt(step);
    for (let i = 0; i < width; i++) total[i] = total[i]! * decay[i]! + rate[0]! * x[i]!;
  }
  return total;
}

export async function started(options: CompileOptions & { stepsPerRun?: number } = {}): Promise<Program> {
  const { stepsPerRun, ...rest } = options;
  const program = await compile(runningSum(stepsPerRun), { threads: 1, ...rest });
  await program.writeState(firstState());
  return program;
}
