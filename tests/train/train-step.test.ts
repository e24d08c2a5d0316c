/** A step of training made from a loss, a scope and an optimiser. */
import { expect, test } from "vitest";
import { input, multiply, reduceMean, reshape, subtract } from "../../src/graph/index.js";
import { dense, dropout, filledWith, Scope, zeros } from "../../src/nn/index.js";
import { chain, scaleBy, trace } from "../../src/optim/index.js";
import { trainStep } from "../../src/train/index.js";

const count = 4;
const x = Float32Array.of(-1, 0, 1, 2);
const y = x.map((value) => 3 * value - 2);

/** y = kernel x + bias from kernel 1 and bias 0, and its mean squared error. */
function line(rate = 0) {
  const scope = Scope.root({ seed: input("seed", "int32", [1]) });
  const given = input("x", "float32", [count, 1]);
  const options = { kernelInitializer: filledWith(1), biasInitializer: zeros };
  const error = subtract(
    dense(scope.at("line"), dropout(scope, given, rate), 1, options),
    input("y", "float32", [count, 1]),
  );
  return { scope, loss: reduceMean(multiply(error, error)) };
}

/** Gradient descent with momentum as plain loops; the loss before each step, and the parameters after the last. */
function descended(steps: number, rate: (step: number) => number, momentum: number) {
  let [kernel, bias, dk, db] = [1, 0, 0, 0];
  const losses = Array.from({ length: steps }, (_, step) => {
    const errors = [...x].map((value, i) => kernel * value + bias - (y[i] ?? 0));
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / count;
    dk = momentum * dk + mean(errors.map((error, i) => 2 * error * (x[i] ?? 0)));
    db = momentum * db + mean(errors.map((error) => 2 * error));
    kernel -= rate(step) * dk;
    bias -= rate(step) * db;
    return mean(errors.map((error) => error * error));
  });
  return { losses, kernel, bias };
}

test("takes the steps of an optimiser by name, with a schedule", async () => {
  const { scope, loss } = line();
  const schedule = (step: number) => 1 / (1 + step);
  const optimizer = { name: "sgd", learningRate: 0.1, momentum: 0.5 } as const;
  await using training = await trainStep(loss, scope, optimizer, { inThread: true, threads: 1, schedule });
  const plain = descended(20, (step) => 0.1 * schedule(step), 0.5);
  for (const [step, expected] of plain.losses.entries()) {
    expect(training.finished).toBe(step);
    expect(await training.step({ x, y })).toBeCloseTo(expected, 5);
  }
  const state = await training.program.readState();
  expect(state["line/kernel"]?.[0]).toBeCloseTo(plain.kernel, 5);
  expect(state["line/bias"]?.[0]).toBeCloseTo(plain.bias, 5);
  expect(Object.keys(state)).toContain("momentum/line/kernel");
});

test("takes the steps of a chain", async () => {
  const { scope, loss } = line();
  await using training = await trainStep(loss, scope, chain(trace(0.9), scaleBy(0.05)), { inThread: true, threads: 1 });
  for (const expected of descended(10, () => 0.05, 0.9).losses)
    expect(await training.step({ x, y })).toBeCloseTo(expected, 5);
});

test("draws other random numbers in every step", async () => {
  const { scope, loss } = line(0.5);
  await using training = await trainStep(loss, scope, { name: "sgd", learningRate: 0 }, { inThread: true, threads: 1 });
  const losses = new Set<number>();
  for (let step = 0; step < 8; step++) losses.add(await training.step({ x, y }));
  expect(losses.size).toBeGreaterThan(2);
  const again = await training.step({ x, y, seed: Int32Array.of(3) });
  expect([...losses]).toContain(again);
});

test("refuses a loss that is no scalar, and a scope without parameters", async () => {
  const { scope, loss } = line();
  const sgd = { name: "sgd", learningRate: 1 } as const;
  await expect(trainStep(reshape(loss, [1]), scope, sgd)).rejects.toThrow(
    /the loss is float32 \[1\]; expected float32 \[\]/,
  );
  await expect(trainStep(loss, Scope.root(), sgd)).rejects.toThrow(/the scope has no parameters; build the network/);
});
