/**
 * The coupled L2 penalty against PyTorch, whose optimisers call it `weight_decay`.
 *
 * The golden numbers come from torch 1.13 in float64: `torch.optim.SGD` and `Adam` on the loss sum(c (w - t)^2) / 2 for 200 steps,
 * the learning rate set before every step to `lr * scheduleFactor(step)`, clipping by `torch.nn.utils.clip_grad_norm_`.
 */
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { applyOptimizer, createOptimizer, type OptimizerConfig, type Schedule } from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";

const start = [0.5, 0.25, -0.5];
const curvature = [1, 0.5, 0.25];
const target = [1, -1, 2];
const scheduleFactor: Schedule = (step) => (step < 10 ? (step + 1) / 10 : 0.5 * (1 + Math.cos((Math.PI * step) / 200)));

/** The parameter `name` after so many steps, from `first`, with the gradient that `gradientOf` writes into the graph. */
async function trained(
  config: OptimizerConfig,
  schedule: Schedule,
  steps: number,
  first: readonly number[],
  gradientOf: (parameter: g.Tensor) => g.Tensor,
  name = "a/kernel",
): Promise<number[]> {
  const parameter = g.input(name, "float32", [first.length]);
  const { slots, scalars } = applyOptimizer(
    createOptimizer(config, schedule),
    [{ name, tensor: parameter, initial: () => Float32Array.from(first) }],
    [gradientOf(parameter)],
  );
  await using program = await compile(
    {
      state: slots.map(({ input }) => input),
      functions: {
        step: {
          inputs: scalars.map(({ input }) => input),
          outputs: { kept: g.stopGradient(parameter) },
          next: Object.fromEntries(
            slots.filter(({ input, next }) => next !== input).map(({ name, next }) => [name, next]),
          ),
        },
      },
    },
    { inThread: true, threads: 1 },
  );
  await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
  for (let step = 0; step < steps; step++) {
    await program.step(Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))])));
  }
  const state = await program.readState([name]);
  return Array.from(state[name] ?? [], Number);
}

const bowl = (parameter: g.Tensor) =>
  g.multiply(g.constant(curvature, [3]), g.subtract(parameter, g.constant(target, [3])));

describe("the L2 penalty is PyTorch's weight_decay", () => {
  test("1,000 steps of SGD without gradient leave 0.620 of a weight, where decoupled decay leaves 0.953", async () => {
    const none = () => g.constant([0], [1]);
    const common = { name: "sgd", learningRate: 0.48, momentum: 0.9 } as const;
    const [coupled] = await trained({ ...common, l2Penalty: 1e-4 }, () => 1, 1000, [1], none);
    const [decoupled] = await trained({ ...common, weightDecay: 0.48e-4 }, () => 1, 1000, [1], none);
    expect(coupled).toBeCloseTo(0.6201229733503704, 5);
    expect(decoupled).toBeCloseTo((1 - 0.48e-4) ** 1000, 4);
  });

  test.each<[string, OptimizerConfig, number[]]>([
    [
      "SGD with momentum",
      { name: "sgd", learningRate: 0.02, l2Penalty: 0.05 },
      [0.9524399904516756, -0.909599171091457, 1.6691699739057477],
    ],
    [
      "SGD with Nesterov's momentum",
      { name: "sgd", learningRate: 0.02, l2Penalty: 0.05, nesterov: true },
      [0.952383722679321, -0.9092734024342569, 1.66965565946439],
    ],
    [
      "SGD without momentum",
      { name: "sgd", learningRate: 0.05, momentum: 0, l2Penalty: 0.05 },
      [0.9497293018445647, -0.8285893609989402, 1.1574812446162777],
    ],
    [
      "Adam",
      { name: "adam", learningRate: 0.02, l2Penalty: 0.05 },
      [0.9524183254430386, -0.861050017982446, 1.0274638549527575],
    ],
    [
      "SGD, clipped: the norm does not count the penalty",
      { name: "sgd", learningRate: 0.02, l2Penalty: 0.05, clipNorm: 0.3 },
      [0.9523589448470345, -0.9081880386911921, 1.6750231535580908],
    ],
  ])("%s, with gradients and a schedule", async (_, config, golden) => {
    const found = await trained(config, scheduleFactor, 200, start, bowl);
    golden.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 5);
    });
  });

  test("the penalty towards the first values is that of loss + 0.15 |w - w0|^2, with and without one towards zero", async () => {
    const config: OptimizerConfig = { name: "sgd", learningRate: 0.02, l2PenaltyToInitial: 0.3 };
    const alone = await trained(config, scheduleFactor, 200, start, bowl);
    [0.8846369075724321, -0.5310200729295413, 0.6368619324426047].forEach((value, i) => {
      expect(alone[i]).toBeCloseTo(value, 5);
    });
    const both = await trained({ ...config, l2Penalty: 0.05 }, scheduleFactor, 200, start, bowl);
    [0.8518397497503968, -0.49974738539517144, 0.5839235385910218].forEach((value, i) => {
      expect(both[i]).toBeCloseTo(value, 5);
    });
  });

  test("momentum in float16 changes it by rounding only", async () => {
    const config: OptimizerConfig = { name: "sgd", learningRate: 0.02, l2Penalty: 0.05, momentumDtype: "float16" };
    const [first] = await trained(config, scheduleFactor, 200, start, bowl);
    expect(first).toBeCloseTo(0.9524399904516756, 3);
  });

  test("applies to kernels unless patterns say otherwise", async () => {
    const common: OptimizerConfig = { name: "sgd", learningRate: 0.1, momentum: 0, l2Penalty: 0.5 };
    const none = () => g.constant([0], [1]);
    const oneStep = (config: OptimizerConfig) => trained(config, () => 1, 1, [1], none, "a/bias");
    expect(await oneStep(common)).toEqual([1]);
    const [everything] = await oneStep({ ...common, weightDecayPatterns: [[".*", 1]] });
    expect(everything).toBeCloseTo(0.95, 6);
  });
});
