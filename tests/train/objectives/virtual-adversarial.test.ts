/** The change of an image that virtual adversarial training finds: against float64 differences, and its published lengths. */
import { expect, test } from "vitest";
import { input, type Tensor } from "../../../src/graph/index.js";
import { model, vitDefaults } from "../../../src/models/index.js";
import { Scope } from "../../../src/nn/index.js";
import { evaluate } from "../../../src/runtime/index.js";
import { adversarialChange, perturbationOf } from "../../../src/train/objectives/virtual-adversarial.js";
import { classes, network, side } from "../../support/objective-cases.js";
import { plainChange } from "../../support/semi-supervised-cases.js";
import { parameterValues, uniform } from "../../support/vit-cases.js";

const lengthsAt = (size: number, range: readonly [number, number], published = 40) =>
  perturbationOf({}, published, { image: [size, size, 3], valueRange: [range] });

test("epsilon is the published one at 224 px from -1 to 1, and looks alike at other sizes and ranges", () => {
  expect(lengthsAt(224, [-1, 1])).toEqual({ epsilon: 40, xi: 0.4, iterations: 1 });
  expect(lengthsAt(224, [-1, 1], 32).epsilon).toBe(32);
  expect(lengthsAt(64, [-1, 1]).epsilon).toBeCloseTo((40 * 64) / 224, 10);
  expect(lengthsAt(224, [0, 1]).epsilon).toBeCloseTo(20, 10);
  const given = { epsilon: 3, xi: 0.5, iterations: 2 };
  expect(perturbationOf(given, 40, { image: [64, 64, 1], valueRange: [[-1, 1]] })).toEqual(given);
});

test("with the default xi the direction is that of float64 differences, and the length epsilon", async () => {
  const shape = [2, side, side, 3] as const;
  const [image, direction] = [input("image", "float32", shape), input("direction", "float32", shape)];
  const scope = Scope.root();
  const config = { ...vitDefaults, family: "vit", ...network, pooling: "gap", posEmbedding: "learn", classes } as const;
  const classify = (images: Tensor) => model(scope, images, config).logits!;
  const settings = lengthsAt(side, [-1, 1]);
  const change = adversarialChange(image, classify(image), direction, settings, classify);
  const values = parameterValues(scope.parameters);
  const feeds = { image: uniform(2 * side * side * 3, "image"), direction: uniform(2 * side * side * 3, "direction") };
  const doubles = Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float64Array.from(data)]));
  const size = side * side * 3;
  const rows = (data: Float32Array) => [0, 1].map((n) => Array.from(data.subarray(n * size, (n + 1) * size)));
  const [images, directions] = [rows(feeds.image), rows(feeds.direction)];
  const found = rows((await evaluate({ change }, { ...values, ...feeds }))["change"] as Float32Array);
  for (const [n, row] of found.entries()) {
    expect(Math.hypot(...row) / settings.epsilon).toBeCloseTo(1, 5);
    const expected = plainChange(doubles, images[n]!, directions[n]!, { epsilon: 1, xi: 1e-2 });
    const cosine = row.reduce((sum, x, k) => sum + x * expected[k]!, 0) / Math.hypot(...row);
    expect(cosine).toBeGreaterThan(0.999);
  }
});
