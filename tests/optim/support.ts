/** A logistic problem, its training through the graph, and the reference chain on it written out in float64 (papers.md 5.2, 5.3). */
import { expect } from "vitest";
import * as g from "../../src/graph/index.js";
import {
  type AverageConfig,
  applyOptimizer,
  createOptimizer,
  type OptimizerConfig,
  type Schedule,
} from "../../src/optim/index.js";
import { compile } from "../../src/runtime/index.js";
import { indexAt, seeded } from "../support/arrays.js";

/** Parameters of the problem: sigmoid(x . body/kernel . head/kernel + head/bias), a scale beside them. */
export const shapes = { "body/kernel": [4, 3], scale: [3], "head/kernel": [3], "head/bias": [1] } as const;
export type Name = keyof typeof shapes;
export const names = Object.keys(shapes) as Name[];
const size = (name: Name): number => shapes[name].reduce<number>((a, b) => a * b, 1);
const images = 6;
const features = 4;
export const steps = 50;

const random = seeded(3);
const uniform = (count: number) => Float32Array.from({ length: count }, () => 2 * random() - 1);
export const start = Object.fromEntries(names.map((name) => [name, uniform(size(name))])) as Record<Name, Float32Array>;
const inputs = uniform(images * features);
const targets = Float32Array.from({ length: images }, (_, i) => i % 2);

export type Values = Record<Name, Float64Array>;
const each = <T>(value: (name: Name) => T) =>
  Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Name, T>;

/** What is trained for how long. `lossScale` multiplies the loss, and so every gradient. */
export interface Run {
  readonly config: OptimizerConfig;
  readonly schedule: Schedule;
  readonly average?: AverageConfig;
  readonly lossScale?: number;
}

/** The mean logistic loss and its gradients in float64, by the chain rule on paper. */
export function lossAndGradients(p: Values): { loss: number; gradients: Values } {
  const out = each((name) => new Float64Array(size(name)));
  let loss = 0;
  for (let n = 0; n < images; n++) {
    const x = inputs.subarray(n * features, (n + 1) * features);
    const hidden = [0, 1, 2].map((j) => x.reduce((sum, value, i) => sum + value * p["body/kernel"][i * 3 + j]!, 0));
    const scaled = hidden.map((h, j) => h * p.scale[j]!);
    const z = scaled.reduce((sum, h, j) => sum + h * p["head/kernel"][j]!, p["head/bias"][0]!);
    loss += (Math.log1p(Math.exp(z)) - targets[n]! * z) / images;
    const dz = (1 / (1 + Math.exp(-z)) - targets[n]!) / images;
    out["head/bias"][0]! += dz;
    for (let j = 0; j < 3; j++) {
      out["head/kernel"][j]! += dz * scaled[j]!;
      out.scale[j]! += dz * p["head/kernel"][j]! * hidden[j]!;
      for (let i = 0; i < features; i++) {
        out["body/kernel"][i * 3 + j]! += dz * p["head/kernel"][j]! * p.scale[j]! * x[i]!;
      }
    }
  }
  return { loss, gradients: out };
}

const firstMatch = <T>(patterns: readonly (readonly [string, T])[] | undefined, name: string, otherwise: T): T => {
  for (const [pattern, value] of patterns ?? []) if (new RegExp(`^(?:${pattern})$`).test(name)) return value;
  return otherwise;
};

const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

/** Momentum m = decay m + incoming that is rounded to float16 between steps, times 2^15 over a bound of its entries. */
function momentumStore(count: number, half: boolean) {
  let kept = new Float64Array(count);
  let bound = 0;
  return (decay: number, incoming: Float64Array): Float64Array => {
    const m = kept.map((value, i) => decay * value + incoming[i]!);
    if (half) {
      bound = decay * bound + norm(incoming);
      const unit = bound / 2 ** 15;
      kept = m.map((value) => g.fromFloat16(g.toFloat16(value / unit)) * unit);
    } else kept = m;
    return m;
  };
}

/** One step of a scale_by_X of the reference on one tensor: from the (clipped) gradient to the update. */
type Scaler = (gradient: Float64Array, step: number) => Float64Array;

function sgd(config: OptimizerConfig & { name: "sgd" }, count: number): Scaler {
  const { momentum = 0.9, nesterov = false } = config;
  const store = momentumStore(count, config.momentumDtype === "float16");
  return (gradient) => {
    const m = store(momentum, gradient);
    return nesterov ? m.map((value, i) => gradient[i]! + momentum * value) : m;
  };
}

function adam(config: OptimizerConfig & { name: "adam" | "adamw" }, count: number): Scaler {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = config;
  const store = momentumStore(count, config.momentumDtype === "float16");
  const v = new Float64Array(count);
  return (gradient, step) => {
    const m = store(
      beta1,
      gradient.map((x) => (1 - beta1) * x),
    );
    gradient.forEach((x, i) => {
      v[i] = beta2 * v[i]! + (1 - beta2) * x * x;
    });
    return m.map(
      (value, i) => value / (1 - beta1 ** (step + 1)) / (Math.sqrt(v[i]! / (1 - beta2 ** (step + 1))) + epsilon),
    );
  };
}

/** By index, for any shape: optax's scale_by_factored_rms, clip_by_block_rms and ema, one after the other. */
export function adafactor(config: OptimizerConfig & { name: "adafactor" }, shape: readonly number[]): Scaler {
  const count = shape.reduce((a, b) => a * b, 1);
  const { minDimSizeToFactor = 32, decayRate = 0.8, decayOffset = 0, beta2Cap = 0.999 } = config;
  const { epsilon = 1e-30, momentum = 0.9, clippingThreshold } = config;
  const store = momentumStore(count, (config.momentumDtype ?? "float16") === "float16");
  const order = [...shape.keys()].sort((a, b) => shape[a]! - shape[b]!);
  const [d1, d0] = [order.at(-2), order.at(-1)];
  const isFactored = d1 !== undefined && d0 !== undefined && shape[d1]! >= minDimSizeToFactor;
  // Means of what is given over an axis, by the index without it.
  const meansOver = (axis: number, values: Map<string, [number[], number]>) => {
    const sums = new Map<string, [number[], number, number]>();
    for (const [index, value] of values.values()) {
      const rest = index.map((at, i) => (i === axis ? 0 : at));
      const [, sum, many] = sums.get(rest.join()) ?? [rest, 0, 0];
      sums.set(rest.join(), [rest, sum + value, many + 1]);
    }
    return new Map([...sums].map(([key, [index, sum, many]]) => [key, [index, sum / many] as [number[], number]]));
  };
  let row = new Map<string, [number[], number]>();
  let column = new Map<string, [number[], number]>();
  const v = new Float64Array(count);
  return (gradient, step) => {
    const beta2 = Math.min(beta2Cap, 1 - (step - decayOffset + 1) ** -decayRate);
    const squares = gradient.map((x) => x * x + epsilon);
    let update: Float64Array;
    if (isFactored) {
      const entries = new Map(
        [...squares].map((x, at) => [String(at), [indexAt(shape, at), x] as [number[], number]] as const),
      );
      const mixed = (old: typeof row, now: typeof row) =>
        new Map(
          [...now].map(([key, [index, x]]) => [
            key,
            [index, beta2 * (old.get(key)?.[1] ?? 0) + (1 - beta2) * x] as [number[], number],
          ]),
        );
      row = mixed(row, meansOver(d0, entries));
      column = mixed(column, meansOver(d1, entries));
      const rowMeans = meansOver(d1, row);
      update = gradient.map((x, at) => {
        const without = (...axes: number[]) => indexAt(shape, at).map((i, axis) => (axes.includes(axis) ? 0 : i));
        const r = row.get(without(d0).join())![1] / rowMeans.get(without(d0, d1).join())![1];
        return x * r ** -0.5 * column.get(without(d1).join())![1] ** -0.5;
      });
    } else {
      squares.forEach((x, i) => {
        v[i] = beta2 * v[i]! + (1 - beta2) * x;
      });
      update = gradient.map((x, i) => x * v[i]! ** -0.5);
    }
    if (clippingThreshold !== undefined) {
      const rms = norm(update) / Math.sqrt(count);
      update = update.map((x) => x / Math.max(1, rms / clippingThreshold));
    }
    if (momentum === 0) return update;
    return store(
      momentum,
      update.map((x) => (1 - momentum) * x),
    );
  };
}

function scalerOf(config: OptimizerConfig, shape: readonly number[]): Scaler {
  const count = shape.reduce((a, b) => a * b, 1);
  if (config.name === "sgd") return sgd(config, count);
  return config.name === "adafactor" ? adafactor(config, shape) : adam(config, count);
}

/** The reference: chain(clip, scale_by_X, lr, lr_mults, + wd wd_mult p, schedule, -1), p_new = p + update; and the averages. */
export function reference({ config, schedule, average, lossScale = 1 }: Run): {
  values: Values;
  averages: Values;
  loss: number;
} {
  const p = each((name) => Float64Array.from(start[name]));
  const averages = each((name) => Float64Array.from(start[name]));
  const rateOf = (name: Name) => firstMatch(config.learningRatePatterns, name, 1);
  const scheduleOf = (name: Name) => firstMatch<Schedule | null>(config.schedulePatterns, name, schedule);
  const trained = names.filter((name) => rateOf(name) !== 0 && scheduleOf(name) !== null);
  const scalers = each((name) => scalerOf(config, shapes[name]));
  const history: Values[] = [];
  for (let step = 0; step < steps; step++) {
    const { gradients } = lossAndGradients(p);
    for (const name of names) gradients[name] = gradients[name].map((x) => x * lossScale);
    const total = Math.hypot(...trained.map((name) => norm(gradients[name])));
    const clip = config.clipNorm === undefined ? 1 : Math.min(1, config.clipNorm / total);
    for (const name of trained) {
      const decays = firstMatch(config.weightDecayPatterns ?? [[".*/kernel", 1]], name, 0);
      const penalty = (config.l2Penalty ?? 0) * decays;
      const decay = (config.weightDecay ?? 0) * decays * (config.name === "adamw" ? config.learningRate : 1);
      const update = scalers[name](
        gradients[name].map((x, i) => x * clip + penalty * p[name][i]!),
        step,
      );
      const factor = scheduleOf(name)!(step);
      p[name] = p[name].map((old, i) => old - factor * (config.learningRate * rateOf(name) * update[i]! + decay * old));
    }
    history.push(each((name) => p[name]));
    for (const name of names) {
      if (average?.kind === "ema") {
        const decay = average.warmup ? Math.min(average.decay, (step + 2) / (step + 11)) : average.decay;
        averages[name] = averages[name].map((old, i) => decay * old + (1 - decay) * p[name][i]!);
      } else if (average) {
        const taken = history.slice(average.from ?? 0);
        const counted = taken.length > 0 ? taken : history.slice(-1);
        averages[name] = p[name].map((_, i) => counted.reduce((sum, one) => sum + one[name][i]!, 0) / counted.length);
      }
    }
  }
  return { values: p, averages, loss: lossAndGradients(p).loss };
}

/** The optimiser of the problem in the graph. */
export function graphOf({ config, schedule, average, lossScale = 1 }: Run) {
  const x = g.input("x", "float32", [images, features]);
  const target = g.input("target", "float32", [images]);
  const tensors = each((name) => g.input(name, "float32", shapes[name]));
  const hidden = g.multiply(g.matmul(x, tensors["body/kernel"]), tensors.scale);
  const head = g.reshape(tensors["head/kernel"], [3, 1]);
  const z = g.add(g.reshape(g.matmul(hidden, head), [images]), tensors["head/bias"]);
  const loss = g.reduceMean(g.subtract(g.softplus(z), g.multiply(target, z)));
  const parameters = names.map((name) => ({ name, tensor: tensors[name], initial: () => start[name] }));
  const gradients = g.grad(
    g.multiply(loss, lossScale),
    parameters.map(({ tensor }) => tensor),
  );
  const optimizer = createOptimizer(config, schedule);
  const { slots, scalars } = applyOptimizer(optimizer, parameters, gradients, { average });
  return { x, target, loss, slots, scalars };
}

/** The same as the reference through the graph, in float32: all state after the steps. */
export async function trained(run: Run): Promise<{ state: Record<string, g.NumericArray>; loss: number }> {
  const { x, target, loss, slots, scalars } = graphOf(run);
  await using program = await compile(
    {
      state: slots.map(({ input }) => input),
      functions: {
        step: {
          inputs: [x, target, ...scalars.map(({ input }) => input)],
          outputs: { loss },
          next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
        },
      },
    },
    { inThread: true, threads: 1 },
  );
  await program.writeState(Object.fromEntries(slots.map(({ name, initial }) => [name, initial()])));
  for (let step = 0; step < steps; step++) {
    const given = Object.fromEntries(scalars.map(({ name, at }) => [name, Float32Array.of(at(step))]));
    await program.step({ x: inputs.slice(), target: targets.slice(), ...given });
  }
  const state = await program.readState();
  const values = each((name) => Float64Array.from(state[name] as Float32Array));
  return { state, loss: lossAndGradients(values).loss };
}

/** Relative to the largest value of each parameter: single entries may pass through zero. */
export function expectClose(
  given: Record<string, g.NumericArray>,
  wanted: Values,
  tolerance = 1e-5,
  nameOf = (name: Name): string => name,
): void {
  for (const name of names) {
    const scale = Math.max(...wanted[name].map(Math.abs));
    wanted[name].forEach((value, i) => {
      expect(Math.abs(Number(given[nameOf(name)]![i]) - value), `${nameOf(name)}[${i}]`).toBeLessThan(
        tolerance * scale,
      );
    });
  }
}
