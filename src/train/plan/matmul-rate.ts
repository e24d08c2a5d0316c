/** Measures the machine's matrix multiplication rate, to which all speeds are compared. */
import { median } from "../../algebra/statistics.js";
import { input, matmul, slice } from "../../graph/index.js";
import { compile } from "../../runtime/index.js";

const side = 1024;
const chained = 4;

/** GFLOP/s of a 1024 x 1024 x 1024 float32 product on the CPU: the median of `rounds` runs after one warm-up run. */
export async function evaluateMatmulRate(threads?: number, rounds = 9): Promise<number> {
  await using meter = await openMatmulMeter(threads);
  const seconds: number[] = [];
  for (let i = 0; i < rounds; i++) seconds.push(await meter.seconds());
  return meter.flops / median(seconds) / 1e9;
}

/**
 * Opens a program whose products can be timed repeatedly, between other measurements. It chains several products in one
 * run and returns one number, so that the time is the product's and not that of copying its result.
 */
export async function openMatmulMeter(threads?: number) {
  const a = input("a", "float32", [side, side]);
  const b = input("b", "float32", [side, side]);
  let product = a;
  // the factor keeps the entries from growing: each product multiplies their variance by 1024 / 12
  for (let i = 0; i < chained; i++) product = matmul(product, b, { alpha: Math.sqrt(12 / side) });
  const corner = slice(product, [0, 0], [1, 1]);
  const program = await compile(
    { state: [a, b], functions: { step: { inputs: [], outputs: { corner } } } },
    { inThread: true, threads },
  );
  const values = Float32Array.from({ length: side * side }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  await program.writeState({ a: values, b: values });
  await program.step({});
  return {
    flops: chained * 2 * side ** 3,
    seconds: async () => {
      const started = performance.now();
      await program.step({});
      return (performance.now() - started) / 1000;
    },
    [Symbol.asyncDispose]: () => program.close(),
  };
}
