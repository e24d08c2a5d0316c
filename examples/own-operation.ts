/**
 * Defines an operation, a depthwise convolution: checks its gradients, trains a network with it, resumes the training from a checkpoint, and
 * runs the exported network with ONNX Runtime alone. docs/own-operation.md explains it.
 */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  add,
  concat,
  constant,
  costOf,
  defineOperation,
  elementCount,
  gelu,
  grad,
  input,
  multiply,
  oneHot,
  pad,
  reduceMean,
  reduceSum,
  reshape,
  reverse,
  ShapeError,
  slice,
  substituted,
  type Tensor,
  writeOnnx,
} from "fovea/graph";
import { convolution, dense, initialValue, lecunNormal, losses, Scope } from "fovea/nn";
import { applyOptimizer, createOptimizer, createSchedule } from "fovea/optim";
import { compile, compute } from "fovea/runtime";
import { loadCheckpoint, saveCheckpoint } from "fovea/train";
import { InferenceSession, Tensor as RuntimeTensor } from "fovea-onnxruntime";

// The operation.

/** Depthwise convolution of images [N,C,H,W] with kernels [C,1,k,k] for an odd k; the sides of the images stay. */
function depthwise(x: Tensor, kernel: Tensor): Tensor {
  return depthwiseOperation([x, kernel])[0];
}

const depthwiseOperation = defineOperation({
  name: "depthwise",
  inputs: 2,
  infer: ([x, kernel]) => {
    const [channels, side] = [x.shape[1], kernel.shape[2] ?? 0];
    if (x.shape.length !== 4 || kernel.shape.join() !== `${channels},1,${side},${side}` || side % 2 === 0) {
      throw new ShapeError(
        `depthwise: the kernel [${kernel.shape}] does not fit images [${x.shape}]; expected [${channels},1,k,k] with an odd k`,
      );
    }
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  emit: ({ inputs: [x, kernel], outputs: [y] }, emitter) => {
    const side = kernel.shape[2] ?? 0;
    const around = (side - 1) / 2;
    emitter.node("Conv", [emitter.name(x), emitter.name(kernel)], [emitter.name(y)], {
      group: { int: x.shape[1] ?? 0 },
      kernel_shape: { ints: [side, side] },
      pads: { ints: [around, around, around, around] },
    });
  },
  gradient: ({ inputs: [x, kernel] }, [g]) => {
    if (!g) return [undefined, undefined];
    const [n = 0, c = 0, h = 0, w = 0] = x.shape;
    const side = kernel.shape[2] ?? 0;
    const around = [0, 0, (side - 1) / 2, (side - 1) / 2];
    const padded = pad(x, around, around);
    const positions = Array.from({ length: side * side }, (_, i) => {
      const [a, b] = [Math.floor(i / side), i % side];
      const covered = slice(padded, [0, 0, a, b], [n, c, a + h, b + w]);
      return reshape(reduceSum(multiply(g, covered), [0, 2, 3]), [c, 1]);
    });
    return [depthwise(g, reverse(kernel, [2, 3])), reshape(concat(positions, 1), kernel.shape)];
  },
  flops: ({ inputs: [, kernel], outputs: [y] }) => 2 * elementCount(y.shape) * elementCount(kernel.shape.slice(2)),
  mayFail: false,
});

// Its gradients, against central differences.

const scattered = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * i));
{
  const [x, kernel] = [input("x", "float32", [2, 3, 5, 4]), input("kernel", "float32", [3, 1, 3, 3])];
  const y = depthwise(x, kernel);
  const loss = reduceSum(multiply(constant(scattered(elementCount(y.shape), 1), y.shape), y));
  const [dx, dkernel] = grad(loss, [x, kernel]);
  const values = { x: scattered(120, 2), kernel: scattered(27, 3) };
  const found = await compute({ "d x": dx, "d kernel": dkernel }, values);
  for (const name of ["x", "kernel"] as const) {
    const direction = scattered(values[name].length, 4);
    const at = async (step: number) => {
      const moved = values[name].map((value, i) => value + step * (direction[i] ?? 0));
      return (await compute({ loss }, { ...values, [name]: moved })).loss[0] ?? 0;
    };
    const difference = ((await at(0.01)) - (await at(-0.01))) / 0.02;
    const gradient = direction.reduce((sum, value, i) => sum + value * (found[`d ${name}`][i] ?? 0), 0);
    console.log(`d ${name}: ${gradient.toFixed(2)}, by differences ${difference.toFixed(2)}`);
  }
}

// A network with it: are the stripes of an image horizontal or vertical?

const [batch, size, width] = [16, 12, 8];
const scope = Scope.root();
const image = input("image", "float32", [batch, 1, size, size]);
const label = input("label", "int32", [batch]);
const stem = convolution(scope.at("stem"), image, { channels: width, kernel: 3, padding: 1 });
const kernel = scope.at("depthwise").parameter("kernel", [width, 1, 5, 5], lecunNormal(25));
const logits = dense(scope.at("head"), reduceMean(gelu(add(stem, depthwise(stem, kernel))), [2, 3]), 2);
const loss = reduceMean(losses.softmax(logits, oneHot(label, 2)));
console.log(`${costOf([logits]).flops / batch} FLOPs for an image`);

// Its training program: one function, which replaces the parameters and the state of Adam.

const { parameters } = scope;
const steps = 40;
const optimizer = createOptimizer(
  { name: "adam", learningRate: 0.01 },
  createSchedule({ decayType: "constant" }, { total: steps }),
);
const gradients = grad(
  loss,
  parameters.map(({ tensor }) => tensor),
);
const { slots, scalars } = applyOptimizer(
  optimizer,
  parameters.map((parameter) => ({ ...parameter, initial: () => initialValue(parameter, 1) })),
  gradients,
);
const source = {
  state: slots.map((slot) => slot.input),
  functions: {
    step: {
      inputs: [image, label, ...scalars.map((scalar) => scalar.input)],
      outputs: { loss },
      next: Object.fromEntries(slots.map(({ name, next }) => [name, next])),
    },
  },
};

/** Stripes of random phase with noise, and whether they are vertical (1); the same batch for the same step. */
function stripes(step: number) {
  const noise = (i: number) => (Math.sin(12.9898 * (step * 10007 + i) + 1) * 43758.5453) % 1;
  const labels = Int32Array.from({ length: batch }, (_, n) => n % 2);
  const pixels = Float32Array.from({ length: batch * size * size }, (_, i) => {
    const [n, row, column] = [Math.floor(i / (size * size)), Math.floor(i / size) % size, i % size];
    const place = (n % 2 === 1 ? column : row) + 4 * noise(-1 - n);
    return Math.sin((Math.PI / 2) * place) + noise(i);
  });
  return { image: pixels, label: labels };
}

type State = Record<string, ReturnType<(typeof slots)[number]["initial"]>>;

/** Takes the steps from `start` to `end` (exclusive) from a state; returns the next state. */
async function train(state: State, start: number, end: number): Promise<State> {
  await using program = await compile(source);
  await program.writeState(state);
  for (let step = start; step < end; step++) {
    const values = scalars.map(({ name, at }) => [name, Float32Array.of(at(step))]);
    const results = await program.step({ ...stripes(step), ...Object.fromEntries(values) });
    if (step === 0 || step === steps - 1) console.log(`step ${step}: loss ${results.loss[0]?.toFixed(2)}`);
  }
  return await program.readState();
}

// Trained without a break, and again with a checkpoint in the middle.

const initial = Object.fromEntries(slots.map((slot) => [slot.name, slot.initial()]));
const trained = await train(initial, 0, steps);

const folder = await mkdtemp(join(tmpdir(), "fovea-"));
const half = await train(initial, 0, steps / 2);
const tensors = new Map(
  slots.map(({ name, input: { shape } }) => [
    name,
    { dtype: "float32" as const, shape, data: half[name] as Float32Array },
  ]),
);
const checkpoint = await loadCheckpoint(await saveCheckpoint(folder, { step: steps / 2, tensors, meta: {} }));
const stored = Object.fromEntries([...checkpoint.tensors].map(([name, { data }]) => [name, data as Float32Array]));
const resumed = await train(stored, checkpoint.step, steps);
const isEqual = Object.entries(trained).every(([name, values]) =>
  values.every((value, i) => value === resumed[name]?.[i]),
);
console.log(`resumed: ${isEqual ? "the same to the last bit" : "different"}`);

// Exported with its weights as constants, and run without the package.

const weights = parameters.map(
  ({ name, tensor }) => [tensor, constant(trained[name] as Float32Array, tensor.shape)] as const,
);
const [answers = logits] = substituted([logits], new Map(weights));
const session = await InferenceSession.create(writeOnnx({ logits: answers }, [image]).bytes);
const test = stripes(steps);
const found = await session.run({ image: new RuntimeTensor("float32", test.image, [batch, 1, size, size]) });
const scores = found["logits"]?.data as Float32Array;
const right = test.label.filter((label, n) => Number((scores[2 * n + 1] ?? 0) > (scores[2 * n] ?? 0)) === label).length;
console.log(`exported: ${right} of ${batch} right`);
