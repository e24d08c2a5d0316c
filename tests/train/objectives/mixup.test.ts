/** Mixup: who is mixed with whom, how much, and the Beta it is drawn from; the AugReg grid. */
import { expect, test } from "vitest";
import { augregSettings, preprocessing } from "../../../src/images/index.js";
import { beta, logGamma } from "../../../src/random/distributions.js";
import { createRandom } from "../../../src/random/keyed.js";
import { numpyGenerator } from "../../../src/random/numpy-generator.js";
import { drawMixup, mixImages, mixupKinds } from "../../../src/train/objectives/mixup.js";
import {
  augregRecipe,
  augregRecommended,
  augregRegularisations,
  augregWeightDecays,
} from "../../../src/train/recipe/augreg.js";

const moments = (values: readonly number[]): [number, number] => {
  const mean = values.reduce((a, x) => a + x, 0) / values.length;
  return [mean, values.reduce((a, x) => a + (x - mean) ** 2, 0) / values.length];
};

test.each([
  [0.1, 0.1],
  [0.5, 2],
  [1, 1],
  [3, 4],
])(
  "Beta(%f, %f) has its mean and variance, from either generator",
  (a, b) => {
    for (const uniform of [createRandom("beta").uniform, numpyGenerator(3).random]) {
      const [mean, variance] = moments(Array.from({ length: 4000 }, () => beta(a, b, uniform)));
      expect(Math.abs(mean - a / (a + b))).toBeLessThan(0.03);
      expect(Math.abs(variance - (a * b) / ((a + b) ** 2 * (a + b + 1)))).toBeLessThan(0.012);
    }
  },
  20_000,
);

test("Gamma has its mean and variance; tiny shapes do not underflow", () => {
  const random = createRandom("gamma");
  for (const shape of [0.3, 1, 4.5]) {
    const [mean, variance] = moments(Array.from({ length: 6000 }, () => Math.exp(logGamma(shape, random.uniform))));
    expect(Math.abs(mean / shape - 1)).toBeLessThan(0.09);
    expect(Math.abs(variance / shape - 1)).toBeLessThan(0.2);
  }
  const tiny = Array.from({ length: 200 }, () => beta(1e-4, 1e-4, random.uniform));
  expect(tiny.every((x) => x >= 0 && x <= 1)).toBe(true);
  expect(tiny.filter((x) => x > 0.5).length).toBeGreaterThan(60);
  expect(() => logGamma(0, random.uniform)).toThrow(/shape of a Gamma is 0; give a number above 0/);
});

test("partners are those of each code base", () => {
  const partner = (kind: (typeof mixupKinds)[number]) => [...drawMixup(kind, 0.2, 5, createRandom("pairs")).partner];
  expect(partner("big_vision")).toEqual([4, 0, 1, 2, 3]);
  expect(partner("timm")).toEqual([4, 3, 2, 1, 0]);
  expect(partner("bit_reversed")).toEqual([4, 3, 2, 1, 0]);
  const orders = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const order = [...drawMixup("bit", 0.1, 3, createRandom("orders", i)).partner];
    expect([...order].sort()).toEqual([0, 1, 2]);
    orders.add(order.join());
  }
  expect(orders.size).toBe(6);
});

test("lambda is folded in big_vision and nowhere else", () => {
  const random = createRandom("lambda");
  for (const kind of mixupKinds) {
    const lambdas = Array.from({ length: 3000 }, () => drawMixup(kind, 1, 4, random).lambda);
    // Uniform: mean 1/2; folded to [1/2, 1]: mean 3/4.
    expect(Math.abs(moments(lambdas)[0] - (kind === "big_vision" ? 0.75 : 0.5))).toBeLessThan(0.02);
    expect(Math.min(...lambdas) < 0.4).toBe(kind !== "big_vision");
  }
});

test("alpha 0 mixes nothing and draws nothing; nonsense is refused", () => {
  const [random, untouched] = [createRandom("off"), createRandom("off")];
  for (const kind of mixupKinds) {
    const { lambda, partner } = drawMixup(kind, 0, 3, random);
    expect([lambda, ...partner]).toEqual([1, 0, 1, 2]);
  }
  expect(random.next()).toBe(untouched.next());
  expect(() => drawMixup("timm", -1, 3, random)).toThrow(/alpha is -1; expected 0 \(off\) or/);
  expect(() => drawMixup("timm", 1, 0, random)).toThrow(/the batch has 0 examples/);
});

test("images and targets are mixed alike", () => {
  const partner = Int32Array.of(2, 0, 1);
  const image = Float32Array.of(0, 1, 10, 11, 20, 21);
  const out = new Float32Array(6);
  expect(mixImages(image, 0.75, partner, out)).toBe(out);
  expect([...out]).toEqual([5, 6, 7.5, 8.5, 17.5, 18.5]);
  expect([...mixImages(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), 0.75, partner)]).toEqual([
    0.75, 0, 0.25, 0.25, 0.75, 0, 0, 0.25, 0.75,
  ]);
  expect(() => mixImages(image, 0.5, partner, image)).toThrow(/the output is the input; expected another array/);
  expect(() => mixImages(image, 0.5, Int32Array.of(0, 1, 2, 3), out)).toThrow(/6 numbers for 4 examples/);
});

test("the AugReg grid has 28 settings, each a readable recipe", () => {
  const seen = new Set<string>();
  for (const augmentation of Object.keys(augregSettings) as (keyof typeof augregSettings)[]) {
    for (const regularisation of ["none", "regularised"] as const) {
      for (const weightDecay of augregWeightDecays) {
        const recipe = augregRecipe({ augmentation, regularisation, weightDecay });
        preprocessing(recipe.preprocessing);
        seen.add(JSON.stringify([recipe, augmentation]));
        expect(recipe.mixup).toEqual({ kind: "big_vision", alpha: augregSettings[augmentation].mixup });
      }
    }
  }
  expect(seen.size).toBe(28);
  expect(augregRecipe({ augmentation: "medium2", regularisation: "regularised", weightDecay: 0.03 })).toEqual({
    preprocessing: "decode|inception_crop(224)|flip_lr|augreg(medium2)|value_range(-1,1)",
    mixup: { kind: "big_vision", alpha: 0.5 },
    model: { dropout: 0.1, stochasticDepth: 0.1 },
    optimizer: { name: "adamw", learningRate: 0.001, weightDecay: 0.03, clipNorm: 1 },
  });
  expect(augregRegularisations.none).toEqual({ dropout: 0, stochasticDepth: 0 });
  expect([augregRecommended.i1k["S/16"], augregRecommended.i21k["S/16"]]).toEqual(["medium2", "light1"]);
  expect(() => augregRecipe({ augmentation: "none", regularisation: "none", weightDecay: 0.05 })).toThrow(
    /no weight decay 0.05; give one of 0.1, 0.03/,
  );
});
