/** What the tests call in the browser; bundled beside the page's own script. */
import { add, constant, greater, input, multiply, reduceSum, where, writeOnnx } from "fovea/graph";
import { type CompileOptions, compile, compute } from "fovea/runtime";
import { trainStep } from "fovea/train";
import { type OnnxModel, type TensorType, viewNumbers } from "../../../src/graph/index.js";
import { openSessionOn } from "../../../src/runtime/session.js";
import { webPlatform } from "../../../src/runtime/web/platform.js";
import { gradientsOf, lossesOf } from "./computed.js";

type Device = "cpu" | "webgpu";

export const gradients = (options: { device: Device; threads?: number }) => gradientsOf(compile, options);

export const trained = (device: Device) => lossesOf(trainStep, device);

/** A sum of what it is fed: total becomes total + x, and count grows by 1. */
function summing(stepsPerRun?: number) {
  const total = input("total", "float32", [3]);
  const count = input("count", "int64", []);
  const x = input("x", "float32", [3]);
  const next = add(total, x);
  return {
    state: [total, count],
    functions: {
      step: {
        inputs: [x],
        outputs: { norm: reduceSum(multiply(next, next)) },
        next: { total: next, count: where(greater(count, 1000), count, add(count, 1)) },
        stepsPerRun,
      },
      show: { inputs: [x], outputs: { shown: multiply(total, x) } },
    },
  };
}

/** Runs a program through what programs promise, and returns what came of it. */
export async function stateOf(device: Device): Promise<unknown> {
  const program = await compile(summing(), { device });
  await program.writeState({ total: new Float32Array(3), count: BigInt64Array.of(0n) });
  const norms: number[] = [];
  for (let step = 0; step < 3; step++) {
    const { norm } = await program.step({ x: Float32Array.of(1, 2, 3) });
    norms.push(Number(norm?.[0]));
  }
  const refused = await program.attempt(
    "step",
    { x: Float32Array.of(Number.NaN, 0, 0) },
    { commitWhenFinite: ["norm"] },
  );
  // At once: runs are taken one after the other.
  const [one, two] = await Promise.all([1, 2].map((x) => program.run("show", { x: Float32Array.of(x, x, x) })));
  const given = Float32Array.of(1, 1, 1);
  await program.step({ x: given });
  const { total, count } = await program.readState();
  await program.close();
  const closed = await program.step({ x: given }).catch((error: Error) => error.message);
  return {
    norms,
    committed: refused.committed,
    shown: [one, two].map((results) => Array.from(results?.shown ?? [], Number)),
    total: Array.from(total ?? [], Number),
    count: Number(count?.[0]),
    given: [...given],
    closed,
    device: program.device,
  };
}

/** Several steps in one run. */
export async function steps(device: Device): Promise<unknown> {
  const program = await compile(summing(2), { device });
  await program.writeState({ total: new Float32Array(3), count: BigInt64Array.of(0n) });
  const { norm } = await program.step({ x: Float32Array.of(1, 0, 0, 0, 2, 0) });
  const { total } = await program.readState(["total"]);
  await program.close();
  return { norm: Array.from(norm ?? [], Number), total: Array.from(total ?? [], Number) };
}

/** A graph is computed, on two devices at once. */
export async function computed(devices: Device[]): Promise<number[][]> {
  const x = input("x", "float32", [4]);
  const results = await Promise.all(
    devices.map((device) => compute({ y: multiply(x, add(x, 1)) }, { x: Float32Array.of(1, 2, 3, 4) }, { device })),
  );
  return results.map(({ y }) => Array.from(y ?? [], Number));
}

/** Where an output that stays on the device is, and what another session computes from it there. */
export async function kept(device: Device): Promise<unknown> {
  const x = input("x", "float32", [3]);
  const first = await openSessionOn(webPlatform, writeOnnx({ y: add(constant([1, 2, 3], [3]), 0) }), {
    device,
    keepOnDevice: ["y"],
  });
  const second = await openSessionOn(webPlatform, writeOnnx({ y: multiply(x, x) }, [x]), { device });
  const { y } = await first.runTensors({});
  if (!y) throw new Error("the first session gives no y");
  const location = y.location;
  const squares = await second.runTensors({ x: y });
  y.dispose();
  await first.close();
  await second.close();
  return [location, squares.y?.location, Array.from(squares.y?.data as Float32Array)];
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));

/** A tensor as text. */
export interface Sent {
  readonly name: string;
  readonly type: TensorType;
  readonly bytes: string;
}

/** Runs a model, in the bytes of its file; returns the shapes and bytes of its outputs. */
export async function runModel(
  device: Device,
  model: Pick<OnnxModel, "inputs" | "outputs" | "nodeCount"> & { readonly bytes: string },
  inputs: readonly Sent[],
): Promise<Record<string, { shape: readonly number[]; bytes: string }>> {
  const session = await openSessionOn(webPlatform, { ...model, bytes: fromBase64(model.bytes) }, { device });
  const given = inputs.map(({ name, type, bytes }) => {
    const data = viewNumbers(fromBase64(bytes), type.dtype);
    return [name, webPlatform.tensor(device, type.dtype, data, [...type.shape])] as const;
  });
  const results = await session.runTensors(Object.fromEntries(given));
  await session.close();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => {
      const { buffer, byteOffset, byteLength } = data as Float32Array;
      return [name, { shape: dims, bytes: toBase64(new Uint8Array(buffer, byteOffset, byteLength)) }];
    }),
  );
}

/** Class and message of the error that `compile` throws with these options. */
export async function refusal(options: object): Promise<string> {
  try {
    const program = await compile(summing(), options as CompileOptions);
    await program.close();
    return "none";
  } catch (error) {
    return String(error);
  }
}
