/** Tiny ResNets for tests: traced, and filled with seeded values. */
import { elementCount, input, type Tensor } from "../../src/graph/index.js";
import { type ResNetConfig, type ResNetOutput, resnet, resnetConfig } from "../../src/models/index.js";
import { type Parameter, Scope, type ScopeOptions } from "../../src/nn/index.js";
import { type ImageShape, uniform } from "./vit-cases.js";

/** Two stages of one and two units; 8 channels at the root, 64 at the end. */
export const tinyResNet = {
  blocks: [1, 2],
  widthFactor: 1 / 8,
  groups: 4,
  classes: 3,
} as const satisfies Partial<ResNetConfig>;

export interface TracedResNet {
  readonly config: ResNetConfig;
  readonly scope: Scope;
  readonly image: Tensor;
  readonly output: ResNetOutput;
  readonly parameters: readonly Parameter[];
}

/** A tiny ResNet traced over an input named `image`. */
export function traceTinyResNet(
  changes: Partial<ResNetConfig>,
  shape: ImageShape,
  options: ScopeOptions = {},
): TracedResNet {
  const name = changes.version === 1 ? "ResNet-26" : "R26x1";
  const config = resnetConfig(name, { ...tinyResNet, ...changes });
  const scope = Scope.root(options);
  const image = input("image", "float32", shape);
  const output = resnet(scope, image, config);
  return { config, scope, image, output, parameters: scope.parameters };
}

/**
 * A value for every parameter that leaves none without influence, the zeros of fresh norms and heads included.
 * `convolutionScale` times the kernels of convolutions: a hundredth lets the constants of standardisation be seen.
 */
export function resnetValues(parameters: readonly Parameter[], convolutionScale = 1): Record<string, Float32Array> {
  return Object.fromEntries(
    parameters.map(({ name, tensor: { shape } }) => {
      const values = uniform(elementCount(shape), name);
      if (name.endsWith("scale")) return [name, values.map((u) => 1 + 0.3 * u)];
      if (!name.endsWith("kernel")) return [name, values.map((u) => 0.5 * u)];
      const fanIn = shape.length === 4 ? elementCount(shape.slice(1)) : shape[0]!;
      // queries and keys small: large scores would show their rounding in the exponential
      const factor = /conv\w+\/kernel$/.test(name) ? convolutionScale : /(theta|phi)\/kernel$/.test(name) ? 0.2 : 1;
      const size = factor * Math.sqrt(3 / fanIn);
      return [name, values.map((u) => u * size)];
    }),
  );
}
