/**
 * The conformance suite of operations: a case says how to build a small graph and what it computes in float64; the
 * suite compares the values, and the gradients with central differences of the float64 reference, on a device.
 *
 * All cases of a family run as one graph in one session, because opening a session costs more than running it.
 */
import { beforeAll, describe, expect, test } from "vitest";
import {
  add,
  type DType,
  encodeNumbers,
  grad,
  input,
  isFloat,
  multiply,
  reduceSum,
  type Tensor,
  viewNumbers,
} from "../../src/graph/index.js";
import { type Array64, array, count, seeded, seedOf } from "./arrays.js";
import type { TestDevice } from "./devices.js";
import { type ExecutedNode, traced } from "./profile.js";
import { decode, type Result, run, type Value } from "./run.js";

export type InputSpec = (random: () => number) => Value;

const rounded = (shape: readonly number[], dtype: DType, values: ArrayLike<number>): Value => ({
  dtype,
  ...array(shape, decode(viewNumbers(encodeNumbers(values, dtype), dtype), dtype)),
});
const filled =
  (shape: readonly number[], draw: (random: () => number) => number): InputSpec =>
  (random) =>
    rounded(
      shape,
      "float32",
      Array.from({ length: count(shape) }, () => draw(random)),
    );

/** Normal numbers (Box and Muller). */
export const normal = (...shape: number[]): InputSpec =>
  filled(shape, (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
/** Normal numbers around a centre. */
export const around =
  (centre: number, ...shape: number[]): InputSpec =>
  (random) => {
    const value = normal(...shape)(random);
    return { ...value, data: value.data.map((x) => Math.fround(x + centre)) };
  };
/** Uniform in [0.5, 2.5): for logarithms, roots and divisors. */
export const positive = (...shape: number[]): InputSpec => filled(shape, (random) => 0.5 + 2 * random());
/** Given numbers. */
export const of =
  (shape: readonly number[], values: readonly number[], dtype: DType = "float32"): InputSpec =>
  () =>
    rounded(shape, dtype, values);
/** Numbers of both signs, at least 0.1 apart and none near zero: finite differences never cross a kink. */
export const distinct =
  (...shape: number[]): InputSpec =>
  (random) => {
    const length = count(shape);
    const values = Array.from({ length }, (_, i) => 0.13 * (i - Math.floor(length / 2)) + 0.06);
    for (let i = length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    return rounded(shape, "float32", values);
  };

/** The gradient of one input in closed form, from the weights of the linear functional on each output. */
export type GradientReference = (weights: readonly Array64[], inputs: readonly Array64[]) => Array64;

export interface OperationCase {
  readonly name: string;
  /** Exported functions of the graph this case exercises. */
  readonly operations: readonly string[];
  readonly inputs: readonly InputSpec[];
  readonly build: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  readonly reference: (...inputs: Array64[]) => Array64 | readonly Array64[];
  /** No gradient is checked (outputs that are not float have none anyway). */
  readonly forwardOnly?: boolean;
  /** Closed forms where central differences do not apply (ties, stopped gradients), by input. */
  readonly gradients?: Readonly<Record<number, GradientReference>>;
  /** Relative tolerance; default: 1e-4. */
  readonly tolerance?: number;
}

/** One row of a table of cases. */
export const row = (
  name: string,
  operations: string | readonly string[],
  inputs: readonly InputSpec[],
  build: OperationCase["build"],
  reference: OperationCase["reference"],
  options: Pick<OperationCase, "forwardOnly" | "gradients" | "tolerance"> = {},
): OperationCase => ({
  name,
  operations: typeof operations === "string" ? [operations] : operations,
  inputs,
  build,
  reference,
  ...options,
});

/** The gradient of a constant. */
export const noGradient =
  (index: number): GradientReference =>
  (_, inputs) => ({ shape: inputs[index]!.shape, data: new Float64Array(inputs[index]!.data.length) });

const asList = <T>(value: T | readonly T[]): readonly T[] =>
  Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** A case made concrete: its values, its graph, and what is expected of it. */
class Prepared {
  readonly values: readonly Value[];
  private readonly symbols: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  private readonly weights: readonly (Value | undefined)[];
  private readonly weightSymbols: readonly (Tensor | undefined)[];
  /** Indices of the inputs whose gradients are checked, and the gradients. */
  readonly differentiated: readonly number[];
  readonly gradients: readonly Tensor[];

  constructor(
    readonly definition: OperationCase,
    readonly prefix: string,
  ) {
    const random = seeded(seedOf(definition.name));
    this.values = definition.inputs.map((make) => make(random));
    this.symbols = this.values.map((value, i) => input(`${prefix}_x${i}`, value.dtype, value.shape));
    this.outputs = asList<Tensor>(definition.build(...this.symbols));
    this.weights = this.outputs.map((y) => (y.dtype === "float32" ? normal(...y.shape)(random) : undefined));
    this.weightSymbols = this.weights.map((w, i) => w && input(`${prefix}_w${i}`, w.dtype, w.shape));
    const float = this.values.flatMap((value, i) => (isFloat(value.dtype) ? [i] : []));
    const terms = this.outputs.flatMap((y, i) => (this.weightSymbols[i] ? [[y, this.weightSymbols[i]] as const] : []));
    this.differentiated = definition.forwardOnly || terms.length === 0 ? [] : float;
    if (this.differentiated.length === 0) this.gradients = [];
    else {
      const products = terms.map(([y, w]) => reduceSum(multiply(y, w)));
      const loss = products.reduce((total, term) => add(total, term));
      this.gradients = grad(
        loss,
        this.differentiated.map((i) => this.symbols[i]!),
      );
    }
  }

  /** What the session must compute, by name. */
  get named(): Record<string, Tensor> {
    const entries: [string, Tensor][] = this.outputs.map((y, i) => [`${this.prefix}_y${i}`, y]);
    this.gradients.forEach((g, i) => {
      entries.push([`${this.prefix}_g${this.differentiated[i]}`, g]);
    });
    return Object.fromEntries(entries);
  }

  /** Everything the graph of this case may read. */
  get feeds(): Record<string, Value> {
    const entries: [string, Value][] = this.values.map((value, i) => [`${this.prefix}_x${i}`, value]);
    this.weights.forEach((weight, i) => {
      if (weight) entries.push([`${this.prefix}_w${i}`, weight]);
    });
    return Object.fromEntries(entries);
  }

  check(results: Readonly<Record<string, Result>>): void {
    const { reference, tolerance = 1e-4 } = this.definition;
    const expected = asList(reference(...this.values));
    expect(this.outputs.length, "number of outputs").toBe(expected.length);
    this.outputs.forEach((y, i) => {
      expect([...y.shape], `shape of output ${i}`).toEqual([...expected[i]!.shape]);
      expectClose(results[`${this.prefix}_y${i}`]!, expected[i]!, isFloat(y.dtype) ? tolerance : 0, `output ${i}`);
    });
    this.differentiated.forEach((i, k) => {
      expect([...this.gradients[k]!.shape], `shape of gradient ${i}`).toEqual([...this.values[i]!.shape]);
      const closed = this.definition.gradients?.[i];
      const wanted = closed
        ? closed(
            this.weights.map((w) => w!),
            this.values,
          )
        : this.centralDifferences(i);
      expectClose(results[`${this.prefix}_g${i}`]!, wanted, tolerance, `gradient of input ${i}`);
    });
  }

  /** d loss / d input i of the float64 reference; step 1e-5 leaves an error near 1e-10. */
  private centralDifferences(i: number): Array64 {
    const inputs = this.values.map((value) => ({ shape: value.shape, data: value.data.slice() }));
    const loss = () => {
      let total = 0;
      asList(this.definition.reference(...inputs)).forEach((y, k) => {
        const weight = this.weights[k];
        if (weight) for (let j = 0; j < y.data.length; j++) total += y.data[j]! * weight.data[j]!;
      });
      return total;
    };
    const step = 1e-5;
    const x = inputs[i]!;
    const data = x.data.map((value, j) => {
      x.data[j] = value + step;
      const above = loss();
      x.data[j] = value - step;
      const below = loss();
      x.data[j] = value;
      return (above - below) / (2 * step);
    });
    return { shape: x.shape, data };
  }
}

/** Every entry within `tolerance` of the expected one, relative to it and to a tenth of the largest; 0 is exact. */
export function expectClose(result: Result, expected: Array64, tolerance: number, what: string): void {
  expect([...result.shape], `shape of ${what} at run time`).toEqual([...expected.shape]);
  const largest = expected.data.reduce((top, value) => Math.max(top, Number.isFinite(value) ? Math.abs(value) : 0), 0);
  expected.data.forEach((wanted, i) => {
    const got = result.values[i]!;
    const allowed = tolerance === 0 ? 0 : tolerance * Math.max(Math.abs(wanted), 0.1 * largest) + 1e-6;
    if (Object.is(got, wanted) || Math.abs(got - wanted) <= allowed) return;
    expect.fail(
      `${what}: entry ${i} of [${expected.shape}] is ${got}, expected ${wanted} within ${allowed}\n` +
        `got      ${result.values.slice(0, 24).map((value) => value.toPrecision(6))}\n` +
        `expected ${Array.from(expected.data.slice(0, 24), (value) => value.toPrecision(6))}`,
    );
  });
}

/** What a session returned, and every node it ran. */
interface Traced {
  readonly results: Record<string, Result>;
  readonly nodes: readonly ExecutedNode[];
}

/** Registers the tests of a family of cases on a device; `placed` judges which nodes ran where. */
export function conformance(
  family: string,
  cases: readonly OperationCase[],
  { device, missing, compute }: TestDevice,
  placed?: (nodes: readonly ExecutedNode[]) => void,
): void {
  const title = `${family} on ${device}`;
  if (missing !== undefined) {
    test.skip(`${title}: skipped, ${missing}`, () => {});
    return;
  }
  describe(title, () => {
    const prepared = new Map<OperationCase, Prepared>();
    let together: Traced | undefined;
    let failure: unknown;
    beforeAll(async () => {
      // a case that cannot be built or run fails alone, in its own test
      cases.forEach((definition, i) => {
        try {
          prepared.set(definition, new Prepared(definition, `n${i}`));
        } catch {}
      });
      const all = [...prepared.values()];
      try {
        const outputs = Object.assign({}, ...all.map((one) => one.named));
        const feeds = Object.assign({}, ...all.map((one) => one.feeds));
        together = compute
          ? { results: await compute(outputs, feeds), nodes: [] }
          : await traced(outputs, feeds, device);
      } catch (error) {
        failure = error;
      }
    });
    for (const definition of cases) {
      test(definition.name, async () => {
        const one = prepared.get(definition) ?? new Prepared(definition, "n");
        const alone = compute ?? ((outputs, feeds) => run(outputs, feeds, { device }));
        one.check(together?.results ?? (await alone(one.named, one.feeds)));
      });
    }
    if (placed) {
      test("nodes run where they should", () => {
        expect(failure).toBeUndefined();
        placed(together!.nodes);
      });
    }
  });
}
