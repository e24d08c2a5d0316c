/**
 * Measures how fast this processor multiplies 8-bit integers relative to float32: the upper limit of the gain from
 * 8-bit weights.
 */
import { median } from "../algebra/statistics.js";
import { bytesOf, encodeOnnx, type OnnxGraph, onnxNode } from "../graph/index.js";
import { openSession, type Session } from "../runtime/index.js";

const side = 1024;
/** Products of different matrices per run. One number of each is returned, so that the time is that of the products. */
const products = 4;

/**
 * The rate of 1024 x 1024 x 1024 products of unsigned by signed bytes (`MatMulInteger`, which 8-bit exports use)
 * divided by that of float32 products, measured in alternation; the median of `rounds`.
 */
export async function integerRate(threads?: number, rounds = 7): Promise<number> {
  const options = { threads };
  const sessions: Session[] = [];
  try {
    for (const kind of ["float32", "uint8"] as const)
      sessions.push(await openSession(encodeOnnx(graphOf(kind)), options));
    const [floats, integers] = sessions as [Session, Session];
    const a = Float32Array.from({ length: side * side }, (_, i) => (i * 37) % 101);
    const bytes = Uint8Array.from(a);
    const ratios: number[] = [];
    // the first round warms up
    for (let round = 0; round <= rounds; round++) {
      const [float, integer] = [await seconds(floats, a), await seconds(integers, bytes)];
      if (round > 0) ratios.push(float / integer);
    }
    return median(ratios);
  } finally {
    for (const session of sessions) await session.close();
  }
}

async function seconds(session: Session, a: Float32Array | Uint8Array): Promise<number> {
  const started = performance.now();
  await session.run({ a });
  return (performance.now() - started) / 1000;
}

function graphOf(dtype: "float32" | "uint8"): OnnxGraph {
  const [weights, sums, type] =
    dtype === "float32" ? (["float32", "float32", "MatMul"] as const) : (["int8", "int32", "MatMulInteger"] as const);
  const shape = [side, side];
  const index = (name: string, value: number) => ({
    name,
    type: { dtype: "int64" as const, shape: [2] },
    bytes: bytesOf(BigInt64Array.of(BigInt(value), BigInt(value))),
  });
  const each = Array.from({ length: products }, (_, i) => i);
  return {
    name: "rate",
    nodes: each.flatMap((i) => [
      onnxNode(type, ["a", `b${i}`], [`product${i}`]),
      onnxNode("Slice", [`product${i}`, "start", "end"], [`corner${i}`]),
    ]),
    initializers: [
      index("start", 0),
      index("end", 1),
      ...each.map((i) => {
        const values = Float32Array.from({ length: side * side }, (_, k) => ((k * 37 + i) % 101) - 50);
        return {
          name: `b${i}`,
          type: { dtype: weights, shape },
          bytes: bytesOf(weights === "int8" ? Int8Array.from(values) : values),
        };
      }),
    ],
    inputs: [{ name: "a", type: { dtype, shape } }],
    outputs: each.map((i) => ({ name: `corner${i}`, type: { dtype: sums, shape: [1, 1] } })),
  };
}
