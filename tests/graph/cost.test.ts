/** Counted FLOPs against hand counts, and the estimate of memory on graphs small enough to follow. */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";

const flops = (...outputs: g.Tensor[]) => g.costOf(outputs).flops;
const x = (...shape: number[]) => g.input(`x${shape.join("_")}_${Math.random()}`, "float32", shape);

describe("FLOPs are twice the multiply-adds", () => {
  test("of matrix products", () => {
    expect(flops(g.matmul(x(2, 3), x(3, 4)))).toBe(2 * 2 * 3 * 4);
    expect(flops(g.matmul(x(5, 2, 3), x(5, 3, 4)))).toBe(5 * 2 * 2 * 3 * 4);
    expect(flops(g.matmul(x(5, 1, 2, 3), x(6, 3, 4)))).toBe(30 * 2 * 2 * 3 * 4);
    expect(flops(g.matmul(x(3, 2), x(4, 3), { transposeA: true, transposeB: true }))).toBe(2 * 2 * 3 * 4);
    expect(flops(g.gemm(x(2, 3), x(3, 4), x(4)))).toBe(2 * 2 * 3 * 4);
    expect(flops(g.linear(x(8, 197, 192), x(192, 768), x(768)))).toBe(2 * 8 * 197 * 192 * 768);
  });

  test("of convolutions: output entries times kernel entries", () => {
    expect(flops(g.convolution2d(x(2, 3, 8, 8), x(4, 3, 3, 3), { padding: 1 }))).toBe(2 * (2 * 4 * 8 * 8) * (3 * 9));
    for (const batch of [2, 16]) {
      const y = g.depthwiseConvolution2d(x(batch, 3, 8, 8), x(3, 1, 5, 5), { stride: 2, padding: 2 });
      expect(flops(y)).toBe(2 * (batch * 3 * 4 * 4) * 25);
    }
    expect(flops(g.convolution2d(x(2, 3, 8, 8), x(4, 3, 3, 3), { stride: 2 }))).toBe(2 * (2 * 4 * 3 * 3) * (3 * 9));
    expect(flops(g.convolution2d(x(1, 3, 6, 6), x(4, 3, 1, 1)))).toBe(2 * (4 * 36) * 3);
    expect(flops(g.convolution2d(x(1, 3, 32, 32), x(8, 3, 16, 16), { stride: 16 }))).toBe(2 * (8 * 4) * (3 * 256));
  });

  test("of a layer's gradient: one product for each operand", () => {
    const [a, w] = [x(7, 3), x(3, 5)];
    const gradients = g.grad(g.reduceSum(g.tanh(g.linear(a, w))), [a, w]);
    expect(flops(...gradients)).toBe(3 * 2 * 7 * 3 * 5);
    const [image, kernel] = [x(2, 3, 6, 6), x(4, 3, 3, 3)];
    const y = g.convolution2d(image, kernel);
    const forward = 2 * (2 * 4 * 4 * 4) * (3 * 9);
    expect(flops(y)).toBe(forward);
    expect(flops(...g.grad(g.reduceSum(g.tanh(y)), [image, kernel]))).toBe(3 * forward);
  });

  test("of a strided convolution's gradient, whose kernel part is a convolution of its own", () => {
    const [image, kernel] = [x(2, 3, 7, 7), x(4, 3, 3, 3)];
    const y = g.convolution2d(image, kernel, { stride: 2 });
    const forward = 2 * (2 * 4 * 3 * 3) * (3 * 9);
    // kernel gradient: [3,2,7,7] with [4,2,3,3] dilated by 2 gives [3,4,3,3], each entry from 2 * 9 products
    const kernelPart = 2 * (3 * 4 * 3 * 3) * (2 * 9);
    expect(flops(...g.grad(g.reduceSum(g.tanh(y)), [image, kernel]))).toBe(2 * forward + kernelPart);
  });

  test("of transposed convolutions: input entries times kernel entries, forward and backward", () => {
    const [image, kernel] = [x(2, 3, 5, 5), x(3, 4, 2, 2)];
    const y = g.convolutionTranspose2d(image, kernel, { stride: 2 });
    const forward = 2 * (2 * 3 * 5 * 5) * (4 * 4);
    expect(flops(y)).toBe(forward);
    expect(flops(...g.grad(g.reduceSum(g.tanh(y)), [image, kernel]))).toBe(3 * forward);
  });

  test("of Einstein sums: those of their matrix products", () => {
    expect(flops(g.einsum("bti,io->bto", x(2, 5, 3), x(3, 4)))).toBe(2 * 2 * 5 * 3 * 4);
    expect(flops(g.einsum("nthd,nshd->nhts", x(2, 5, 3, 4), x(2, 6, 3, 4)))).toBe(2 * (2 * 3) * 5 * 6 * 4);
    expect(flops(g.einsum("ij,ij->ij", x(2, 3), x(2, 3)))).toBe(0);
    // from left to right: [2, 3] with [3, 4], then [2, 4] with [4, 5]
    expect(flops(g.einsum("ij,jk,kl->il", x(2, 3), x(3, 4), x(4, 5)))).toBe(2 * (2 * 3 * 4 + 2 * 4 * 5));
  });

  test("of nothing else", () => {
    const a = x(4, 6);
    expect(flops(g.softmax(g.gelu(g.add(a, 1))))).toBe(0);
  });
});

describe("peak memory", () => {
  test("of a chain: its inputs and two neighbours", () => {
    const a = x(100);
    const end = g.exp(g.tanh(g.exp(g.tanh(a))));
    expect(g.costOf([end])).toMatchObject({ peakBytes: 1200, inputBytes: 400, outputBytes: 400 });
  });

  test("a value lives until its last reader; views cost nothing", () => {
    const a = x(100);
    const early = g.tanh(a);
    const end = g.add(g.reshape(g.exp(g.sqrt(early)), [10, 10]), g.reshape(early, [10, 10]));
    // the input, early, sqrt and exp; or the input, early, exp and the sum
    expect(g.costOf([end]).peakBytes).toBe(1600);
  });

  test("outputs live to the end, also when asked for twice", () => {
    const a = x(100);
    const first = g.tanh(a);
    const second = g.exp(first);
    const third = g.exp(second);
    expect(g.costOf([first, second, third]).peakBytes).toBe(1600);
    expect(g.costOf([third, third]).outputBytes).toBe(400);
  });

  test("element types have their sizes", () => {
    const label = g.input("label", "int64", [10]);
    expect(g.costOf([g.oneHot(label, 3, "float16")])).toMatchObject({ outputBytes: 60 });
  });
});
