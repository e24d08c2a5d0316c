/** What does not fit is refused when the graph is built, by an error that names the operation and everything it was given. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";

let count = 0;
const x = (...shape: number[]) => g.input(`x${count++}`, "float32", shape);
const ints = (...shape: number[]) => g.input(`i${count++}`, "int32", shape);
const bools = (...shape: number[]) => g.input(`b${count++}`, "bool", shape);
const half = (...shape: number[]) => g.input(`h${count++}`, "float16", shape);

/** What is done, and what its message must hold besides the name of the operation. */
type Refusal = [operation: string, attempt: () => unknown, ...parts: string[]];

const binary = {
  add: g.add,
  subtract: g.subtract,
  multiply: g.multiply,
  divide: g.divide,
  power: g.power,
  maximum: g.maximum,
  minimum: g.minimum,
  less: g.less,
  greater: g.greater,
  equal: g.equal,
};
const unary = {
  exp: g.exp,
  log: g.log,
  sqrt: g.sqrt,
  reciprocal: g.reciprocal,
  tanh: g.tanh,
  sigmoid: g.sigmoid,
  erf: g.erf,
  relu: g.relu,
  softplus: g.softplus,
  sin: g.sin,
  cos: g.cos,
  sign: g.sign,
  floor: g.floor,
  round: g.round,
};
const reductions = {
  reduceSum: g.reduceSum,
  reduceMean: g.reduceMean,
  reduceMax: g.reduceMax,
};

const refusals: Refusal[] = [
  ...Object.entries(binary).flatMap(([name, operation]): Refusal[] => [
    [name, () => operation(x(2, 3), x(2, 4)), "[2, 3]", "[2, 4]"],
    [name, () => operation(x(2, 3), ints(2, 3)), "float32 [2, 3]", "int32 [2, 3]", "cast"],
    [name, () => operation(x(3), half(3)), "float32 [3]", "float16 [3]"],
  ]),
  ["and", () => g.and(bools(2), bools(3)), "[2]", "[3]"],
  ["and", () => g.and(bools(2), x(2)), "float32 [2]", "compare"],
  ["or", () => g.or(bools(2), bools(3)), "[2]", "[3]"],
  ["or", () => g.or(ints(2), ints(2)), "int32 [2]"],
  ["not", () => g.not(x(2)), "float32 [2]"],
  ["clamp", () => g.clamp(ints(2), 0, 1), "int32 [2]"],
  ["clamp", () => g.clamp(x(2), 1, -1), "1 to -1", "float32 [2]"],
  ["clamp", () => g.clamp(x(2), Number.NaN, 1), "NaN to 1"],
  ["bitwiseXor", () => g.bitwiseXor(ints(2), ints(3)), "[2]", "[3]"],
  ...Object.entries(unary).map(([name, operation]): Refusal => [name, () => operation(ints(2, 3)), "int32 [2, 3]"]),
  ["absolute", () => g.absolute(bools(2)), "bool [2]"],
  ["negate", () => g.negate(bools(2)), "bool [2]"],
  ["scale", () => g.scale(ints(2), 0.5), "int32 [2]"],
  ["where", () => g.where(x(2), x(2), x(2)), "float32 [2]"],
  ["where", () => g.where(bools(2), x(2), ints(2)), "float32 [2]", "int32 [2]"],
  ["where", () => g.where(bools(2), x(3), x(3)), "[2]", "[3]"],
  ["where", () => g.where(bools(2), x(2), x(3)), "[2]", "[3]"],
  ...Object.entries(reductions).flatMap(([name, operation]): Refusal[] => [
    [name, () => operation(bools(2, 3)), "bool [2, 3]"],
    [name, () => operation(x(2, 3), 2), "axis 2", "rank 2"],
    [name, () => operation(x(2, 3), [-3]), "axis -3", "rank 2"],
    [name, () => operation(x(2, 3), [1, -1]), "[1, -1]", "float32 [2, 3]"],
  ]),
  ["reshape", () => g.reshape(x(2, 3), [4]), "float32 [2, 3]", "[4]"],
  ["reshape", () => g.reshape(x(2, 3), [-1, -1]), "float32 [2, 3]", "[-1, -1]"],
  ["reshape", () => g.reshape(x(2, 3), [4, -1]), "float32 [2, 3]", "[4, -1]"],
  ["transpose", () => g.transpose(x(2, 3), [0, 0]), "[0, 0]", "float32 [2, 3]"],
  ["transpose", () => g.transpose(x(2, 3), [0]), "[0]", "float32 [2, 3]"],
  ["slice", () => g.slice(x(2, 3), [0], [1]), "float32 [2, 3]"],
  ["slice", () => g.slice(x(2, 3), [0, 2], [2, 2]), "[0, 2]", "[2, 2]", "float32 [2, 3]"],
  ["slice", () => g.slice(x(5), [0], [5], [0]), "by [0]", "float32 [5]"],
  ["slice", () => g.sliceAxis(x(2, 3), 2, 0, 1), "axis 2"],
  ["pad", () => g.pad(x(2, 3), [1], [1]), "float32 [2, 3]"],
  ["pad", () => g.pad(x(2, 3), [-3, 0], [0, 0]), "[-3, 0]", "float32 [2, 3]"],
  ["concat", () => g.concat([x(2, 3), x(3, 3)], 1), "float32 [2, 3]", "float32 [3, 3]", "axis 1"],
  ["concat", () => g.concat([x(2, 3), x(2)], 0), "float32 [2, 3]", "float32 [2]"],
  ["concat", () => g.concat([x(2), ints(2)], 0), "float32 [2]", "int32 [2]"],
  ["concat", () => g.concat([x(2), x(2)], 1), "axis 1"],
  ["concat", () => g.concat([], 0), "at least one"],
  ["split", () => g.split(x(2, 5), 1, [2, 2]), "[2, 2]", "float32 [2, 5]"],
  ["split", () => g.split(x(5), 0, [-1, 6]), "[-1, 6]", "float32 [5]"],
  ["expand", () => g.expand(x(2, 3), [3, 3]), "[2, 3]", "[3, 3]"],
  ["expand", () => g.expand(x(2, 3), [3]), "[2, 3]", "[3]"],
  ["gatherRows", () => g.gatherRows(x(2, 3), x(2)), "float32 [2]"],
  ["gatherRows", () => g.gatherRows(x(), ints(2)), "float32 []"],
  ["oneHot", () => g.oneHot(x(2), 3), "float32 [2]"],
  ["cumsum", () => g.cumsum(bools(2), 0), "bool [2]"],
  ["cumsum", () => g.cumsum(x(2), 1), "axis 1", "rank 1"],
  ["gather", () => g.gather(x(2, 3), x(2, 3), 1), "integers", "float32 [2, 3]"],
  ["gather", () => g.gather(x(2, 3), ints(2), 1), "int32 [2]", "float32 [2, 3]"],
  ["gather", () => g.gather(x(2, 3), ints(3, 3), 1), "int32 [3, 3]", "float32 [2, 3]", "axis 1"],
  ["gather", () => g.gather(x(2, 3), ints(2, 3), 2), "axis 2", "rank 2"],
  ["scatter", () => g.scatter(x(4), x(2), x(2), 0), "integers", "float32 [2]"],
  ["scatter", () => g.scatter(x(4), ints(2), ints(2), 0), "float32 [4]", "int32 [2]"],
  ["scatter", () => g.scatter(x(4), ints(2), x(3), 0), "int32 [2]", "float32 [3]"],
  ["scatter", () => g.scatter(bools(4), ints(2), bools(2), 0), "bool [4]"],
  ["topK", () => g.topK(x(2, 3), 4), "4", "float32 [2, 3]", "1 to 3"],
  ["topK", () => g.topK(x(2, 3), 1.5), "1.5", "float32 [2, 3]"],
  ["topK", () => g.topK(bools(2), 1), "bool [2]"],
  ["topK", () => g.topK(x(2), 1, { axis: 1 }), "axis 1"],
  ["argMax", () => g.argMax(bools(2)), "bool [2]"],
  ["argMax", () => g.argMax(x(2), 1), "axis 1"],
  ["einsum", () => g.einsum("ij,jk->ik", x(2, 3)), "2 terms for 1 operands", "float32 [2, 3]"],
  ["einsum", () => g.einsum("ij->ik", x(2, 3)), '"k"', "no operand"],
  ["einsum", () => g.einsum("ij->ii", x(2, 3)), '"i" twice'],
  ["einsum", () => g.einsum("ij,jk->ik", x(2, 3), x(4, 5)), '"j" is 3 and 4'],
  ["einsum", () => g.einsum("ijk->i", x(2, 3)), "3 letters", "2 axes"],
  ["einsum", () => g.einsum("i->i", x(2, 3)), "1 letters", "2 axes"],
  ["einsum", () => g.einsum("i1->i", x(2, 3)), '"i1"'],
  ["einsum", () => g.einsum("i->i->i", x(2)), "->"],
  ["einsum", () => g.einsum("...i->i", x(2, 3)), "..."],
  ["einsum", () => g.einsum("i,i->i", x(2), half(2)), "float32 [2]", "float16 [2]"],
  ["einsum", () => g.einsum("i->i", ints(2)), "float"],
  ["einsum", () => g.einsum("...i,...i->...i", x(2, 3), x(4, 3)), "[2]", "[4]"],
  ["matmul", () => g.matmul(x(2, 3), x(4, 5)), "float32 [2, 3]", "float32 [4, 5]", "3 columns and 4 rows"],
  ["matmul", () => g.matmul(x(2, 3), x(3, 5), { transposeB: true }), "float32 [2, 3]", "float32 [3, 5] (transposed)"],
  ["matmul", () => g.matmul(x(3), x(3, 5)), "float32 [3]", "float32 [3, 5]"],
  ["matmul", () => g.matmul(x(2, 2, 3), x(4, 3, 5)), "float32 [2, 2, 3]", "float32 [4, 3, 5]"],
  ["matmul", () => g.matmul(x(2, 3), half(3, 2)), "float32 [2, 3]", "float16 [3, 2]"],
  ["gemm", () => g.gemm(x(2, 3), x(4, 5)), "float32 [2, 3]", "float32 [4, 5]"],
  ["gemm", () => g.gemm(x(2, 2, 3), x(3, 5)), "float32 [2, 2, 3]", "float32 [3, 5]"],
  ["gemm", () => g.gemm(x(2, 3), x(3, 5), x(4)), "[4]", "[2, 5]"],
  ["gemm", () => g.gemm(x(2, 3), x(3, 5), x(7, 2, 5)), "[7, 2, 5]", "[2, 5]"],
  ["linear", () => g.linear(x(2, 3), x(4, 5)), "float32 [2, 3]", "float32 [4, 5]"],
  ["linear", () => g.linear(x(), x(4, 5)), "float32 []", "float32 [4, 5]"],
  [
    "scaledDotProductAttention",
    () => g.scaledDotProductAttention(x(1, 2, 3, 4), x(1, 2, 3, 5), x(1, 2, 3, 5)),
    "[1, 2, 3, 4]",
    "[1, 2, 3, 5]",
  ],
  ["gelu", () => g.gelu(ints(2)), "int32 [2]"],
  ["softmax", () => g.softmax(ints(2)), "int32 [2]"],
  ["softmax", () => g.softmax(x(2), 1), "axis 1", "rank 1"],
  ["logSoftmax", () => g.logSoftmax(ints(2)), "int32 [2]"],
  ["logSoftmax", () => g.logSoftmax(x(), 0), "axis 0", "rank 0"],
  ["layerNorm", () => g.layerNorm(x(2, 3), x(2), x(3)), "float32 [2, 3]", "float32 [2]", "float32 [3]"],
  ["layerNorm", () => g.layerNorm(x(2, 3), x(3), x(1)), "float32 [2, 3]", "float32 [1]"],
  ["layerNorm", () => g.layerNorm(x(2, 3), half(3), x(3)), "float32 [2, 3]", "float16 [3]"],
  ["standardise", () => g.standardise(ints(3), 0.1), "int32 [3]"],
  ["groupNorm", () => g.groupNorm(x(2, 6, 3), x(6), x(6), 4), "float32 [2, 6, 3]", "4 groups", "float32 [6]"],
  ["groupNorm", () => g.groupNorm(x(2, 6, 3), x(3), x(6), 2), "float32 [2, 6, 3]", "float32 [3]"],
  ["groupNorm", () => g.groupNorm(x(2, 6, 3), x(6), x(3), 2), "float32 [2, 6, 3]", "float32 [3]"],
  ["groupNorm", () => g.groupNorm(x(6), x(6), x(6), 2), "float32 [6]"],
  [
    "convolution2d",
    () => g.convolution2d(x(1, 2, 5, 5), x(3, 4, 3, 3)),
    "float32 [1, 2, 5, 5]",
    "float32 [3, 4, 3, 3]",
  ],
  [
    "depthwiseConvolution2d",
    () => g.depthwiseConvolution2d(x(1, 2, 5, 5), x(2, 2, 3, 3)),
    "float32 [1, 2, 5, 5]",
    "float32 [2, 2, 3, 3]",
  ],
  ["depthwiseConvolution2d", () => g.depthwiseConvolution2d(x(1, 2, 5, 5), x(2, 1, 6, 3)), "6", "5"],
  ["convolution2d", () => g.convolution2d(x(2, 5, 5), x(3, 2, 3, 3)), "float32 [2, 5, 5]", "float32 [3, 2, 3, 3]"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), half(3, 2, 3, 3)), "float32", "float16"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), half(3, 2, 1, 1)), "float32", "float16"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), x(3, 2, 6, 3)), "6", "5"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), x(3, 2, 3, 3), { dilation: 3 }), "7", "5"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), x(3, 2, 3, 3), { stride: 0 }), "strides [0,0]"],
  ["convolution2d", () => g.convolution2d(x(1, 2, 5, 5), x(3, 2, 3, 3), { padding: -1 }), "padding [-1,-1,-1,-1]"],
  [
    "convolutionTranspose2d",
    () => g.convolutionTranspose2d(x(1, 2, 3, 3), x(3, 2, 2, 2)),
    "float32 [1, 2, 3, 3]",
    "float32 [3, 2, 2, 2]",
  ],
  ["convolutionTranspose2d", () => g.convolutionTranspose2d(x(1, 2, 3, 3), half(2, 2, 2, 2)), "float32", "float16"],
  [
    "convolutionTranspose2d",
    () => g.convolutionTranspose2d(x(1, 2, 3, 3), x(2, 2, 2, 2), { stride: 2, outputPadding: 2 }),
    "outputPadding [2,2]",
    "[2,2]",
  ],
  ["convolutionTranspose2d", () => g.convolutionTranspose2d(x(1, 2, 1, 1), x(2, 2, 2, 2), { padding: 1 }), "0 x 0"],
  ["maxPool2d", () => g.maxPool2d(x(1, 2, 5, 5), 6), "6", "5"],
  ["maxPool2d", () => g.maxPool2d(x(2, 5, 5), 2), "float32 [2, 5, 5]"],
  ["maxPool2d", () => g.maxPool2d(x(1, 2, 5, 5), 2, { padding: 2 }), "padding [2,2,2,2]", "[2,2]"],
  ["maxPool2d", () => g.maxPool2d(x(1, 2, 5, 5), 0), "[0,0]"],
  ["averagePool2d", () => g.averagePool2d(ints(1, 2, 5, 5), 2), "int32 [1, 2, 5, 5]"],
  ["averagePool2d", () => g.averagePool2d(x(1, 2, 5, 5), 2, { stride: 1.5 }), "strides [1.5,1.5]"],
  ["resizeBilinear", () => g.resizeBilinear(x(5), 2, 2), "float32 [5]", "2 x 2"],
  ["resizeBilinear", () => g.resizeBilinear(ints(5, 5), 2, 2), "int32 [5, 5]"],
  ["resizeBilinear", () => g.resizeBilinear(x(5, 5), 0, 2), "0 x 2"],
  ["resizeBilinear", () => g.resizeBilinear(x(5, 5), 2.5, 2), "2.5 x 2"],
  ["randomUniform", () => g.randomUniform(x(), 0, [2]), "float32 []"],
  ["randomUniform", () => g.randomUniform(ints(2), 0, [2]), "int32 [2]"],
  ["after", () => g.after(x(2), ints(2)), "float32 [2]", "int32 [2]"],
  ["input half", () => g.input("half", "float32", [2, 1.5]), "[2, 1.5]"],
  ["input negative", () => g.input("negative", "float32", [-1]), "[-1]"],
  ["constant", () => g.constant([1, 2, 3], [2, 2]), "3 values", "float32 [2, 2]"],
];

describe("shape errors", () => {
  test.each(refusals.map((refusal, i) => [refusal[0], i, refusal] as const))("%s (%i)", (operation, _, refusal) => {
    const [, attempt, ...parts] = refusal;
    let error: unknown;
    try {
      attempt();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(g.ShapeError);
    const { message } = error as Error;
    expect(message.startsWith(`${operation}:`), message).toBe(true);
    for (const part of parts) expect(message).toContain(part);
  });
});
