/** Every intermediate of a traced network against those of its plain float64 twin. */
import { expect } from "vitest";
import { elementCount, type Tensor } from "../../src/graph/index.js";
import type { Parameter } from "../../src/nn/index.js";
import { type Device, evaluate } from "../../src/runtime/index.js";
import { type ImageShape, parameterValues, relativeError, uniform } from "./vit-cases.js";

/** `plain` gives the intermediates by name from the values of the parameters and the pixels; names must be the same too. */
export async function expectIntermediates(
  intermediates: Readonly<Record<string, Tensor>>,
  parameters: readonly Parameter[],
  image: ImageShape,
  plain: (values: Record<string, Float64Array>, pixels: Float32Array) => Readonly<Record<string, Float64Array>>,
  device: Device,
  {
    values = parameterValues(parameters),
    tolerance = 1e-5,
  }: {
    readonly values?: Readonly<Record<string, Float32Array>>;
    readonly tolerance?: number;
  } = {},
): Promise<void> {
  const pixels = uniform(elementCount(image), "pixels");
  const actual = await evaluate({ ...intermediates }, { image: pixels, ...values }, { device });
  const doubles = Object.fromEntries(Object.entries(values).map(([key, data]) => [key, Float64Array.from(data)]));
  const expected = plain(doubles, pixels);
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [key, value] of Object.entries(expected)) {
    expect(relativeError(actual[key]!, value), key).toBeLessThan(tolerance);
  }
}
