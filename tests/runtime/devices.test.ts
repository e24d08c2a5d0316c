/** Devices: state that stays on one, the message where one is missing, and processes that end when they should. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tensor as RuntimeTensor } from "fovea-onnxruntime";
import { binaries } from "fovea-onnxruntime/location";
import { describe, expect, test } from "vitest";
import * as g from "../../src/graph/index.js";
import { Engine } from "../../src/runtime/engine.js";
import { compile, DeviceError, openSession, type Program, parseDevice } from "../../src/runtime/index.js";
import { nodePlatform } from "../../src/runtime/node/platform.js";
import { testDevice } from "../support/devices.js";
import { expectedTotal, feedsAt, firstState, runningSum, started, width } from "./support.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs a script in a process of its own; it imports the built package. */
function child(script: string, env: Record<string, string | undefined> = {}) {
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
  return { stdout, stderr, status, signal };
}

test("devices are known by name", () => {
  expect(["cpu", "webgpu", "cuda"].map(parseDevice)).toEqual(["cpu", "webgpu", "cuda"]);
  expect(() => parseDevice("tpu")).toThrow(DeviceError);
  expect(() => parseDevice("tpu")).toThrow('unknown device "tpu"; known: cpu, webgpu, cuda');
});

const oneStep = `
  import { add, input } from "./dist/graph/index.js";
  import { compile } from "./dist/runtime/index.js";
  const x = input("x", "float32", [2]);
  const total = input("total", "float32", [2]);
  const next = add(total, x);
  const source = { state: [total], functions: { step: { inputs: [x], outputs: { next }, next: { total: next } } } };
  const start = async (options) => {
    const program = await compile(source, options);
    await program.writeState({ total: new Float32Array(2) });
    return program;
  };
  const feeds = () => ({ x: Float32Array.of(1, 2) });
`;

describe("processes", () => {
  test.each(["", "inThread: true"])("an open program does not keep one alive (%s)", (options) => {
    const ran = child(`${oneStep}
      const program = await start({ ${options} });
      console.log(Array.from((await program.step(feeds())).next).join());`);
    expect(ran).toMatchObject({ stdout: "1,2\n", status: 0, signal: null });
  });

  test("one that waits for a run stays until it is there", () => {
    const ran = child(`${oneStep}
      const program = await start({});
      program.step(feeds()).then(({ next }) => console.log(Array.from(next).join()));`);
    expect(ran).toMatchObject({ stdout: "1,2\n", status: 0, signal: null });
  });

  test("a device that is missing is a clear error, and the process goes on", () => {
    const ran = child(
      `${oneStep}
      for (const options of [{ device: "webgpu" }, { device: "webgpu", inThread: true }]) {
        await start(options).catch((error) => console.log(error.name + ": " + error.message));
      }
      const program = await start({ device: "cpu" });
      console.log(Array.from((await program.step(feeds())).next).join());`,
      { VK_DRIVER_FILES: "/nonexistent.json", VK_ICD_FILENAMES: "/nonexistent.json" },
    );
    const lines = ran.stdout.trim().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines.slice(0, 2)) {
      expect(line).toMatch(/^DeviceError: no WebGPU device could be opened \(.+\)\. On Linux it needs a Vulkan driver/);
      expect(line).toContain("use --device cpu otherwise");
    }
    expect(lines[2]).toBe("1,2");
    expect(ran.status).toBe(0);
  });
});

describe("CUDA", () => {
  test("without the provider's library the error says how to get it", async ({ skip }) => {
    skip(existsSync(join(binaries, "libonnxruntime_providers_cuda.so")), "the CUDA provider is installed");
    const opened = compile(runningSum(4), { device: "cuda", inThread: true });
    await expect(opened).rejects.toThrow(DeviceError);
    const onLinux = process.platform === "linux" && process.arch === "x64";
    await expect(opened).rejects.toThrow(
      onLinux ? /onnxruntime-node@1\.30\.0" and "node .*install\.js"/ : /Linux x64 only/,
    );
  });
});

describe("weights outside the model file", () => {
  const weight = g.constant(
    Float32Array.from({ length: 4096 }, (_, i) => Math.cos(i)),
    [64, 64],
  );
  const x = g.input("x", "float32", [2, 64]);
  const given = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i));

  test("give what weights inside it give", async () => {
    const results = [];
    for (const options of [{}, { externalAbove: 1000 }]) {
      const model = g.writeOnnx({ y: g.matmul(x, weight) }, [x], options);
      expect(model.external !== undefined).toBe("externalAbove" in options);
      const session = await openSession(model, { threads: 1 });
      results.push((await session.run({ x: given }))["y"]);
      await session.close();
    }
    expect(results[1]).toEqual(results[0]);
  });
});

describe("WebGPU", () => {
  const { missing } = testDevice("webgpu");

  test.for(["worker", "inThread"])("state stays on the device over several steps (%s)", async (place, { skip }) => {
    skip(missing !== undefined, missing);
    await using program = await started({ device: "webgpu", inThread: place === "inThread" });
    for (let step = 0; step < 4; step++) await program.step(feedsAt(step));
    const { value } = await program.run("read", { shown: Float32Array.of(3) });
    const { total, count, decay } = await program.readState();
    expectedTotal(4).forEach((expected, i) => {
      expect(Math.abs((total![i] as number) - expected)).toBeLessThan(1e-4);
      expect(Math.abs((value![i] as number) / 3 - expected)).toBeLessThan(1e-4);
    });
    expect(count![0]).toBe(4);
    expect(decay).toEqual(firstState().decay);
    // written state takes the place of what the device holds
    await program.writeState({ total: new Float32Array(width).fill(1) });
    await program.step({ x: new Float32Array(width), rate: Float32Array.of(1) });
    expect(Array.from((await program.readState(["total"]))["total"] as Float32Array)).toEqual(
      Array.from(firstState().decay),
    );
  });

  test("half precision on a device without it is an error that says so", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const x = g.input("x", "float32", [4]);
    const half = g.cast(g.multiply(g.cast(x, "float16"), g.cast(x, "float16")), "float32");
    const source = { state: [], functions: { step: { inputs: [x], outputs: { half } } } };
    await using program = await compile(source, { device: "webgpu", inThread: true });
    // hardware mostly has it, the software device has not
    const ran = await program.step({ x: Float32Array.of(1, 2, 3, 4) }).catch((error: unknown) => error);
    if (ran instanceof Error) {
      expect(ran).toBeInstanceOf(DeviceError);
      expect(ran.message).toMatch(/not support half precision .* compute to float32/);
    } else expect(ran).toEqual({ half: Float32Array.of(1, 4, 9, 16) });
  });

  test("outputs that are to stay on the device do", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const x = g.input("x", "float32", [3]);
    const model = g.writeOnnx({ here: g.add(x, 1), there: g.add(x, 2) }, [x]);
    await using session = await openSession(model, { device: "webgpu", keepOnDevice: ["there"] });
    const given = new RuntimeTensor("float32", Float32Array.of(1, 2, 3), [3]);
    const { here, there } = await session.runTensors({ x: given });
    expect([here!.location, there!.location]).toEqual(["cpu", "gpu-buffer"]);
    there!.dispose();
  });

  test("what a run writes stays on the device and is handed to the next run", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const x = g.input("x", "float32", [3]);
    const total = g.input("total", "float32", [3]);
    const step = {
      model: g.writeOnnx({ "next:total": g.add(total, x) }, [x, total]),
      reads: ["total"],
      writes: { total: "next:total" },
    };
    const state = { total: { dtype: "float32", shape: [3] } } as const;
    await using engine = new Engine(nodePlatform, { state, functions: { step } }, { device: "webgpu", threads: 1 });
    engine.write({ total: new Float32Array(3) });
    const held = () => (engine as unknown as { state: Map<string, { location?: string }> }).state.get("total")!;
    expect(held().location).toBeUndefined();
    for (let i = 0; i < 3; i++) {
      await engine.run("step", { x: Float32Array.of(1, 2, 3) });
      expect(held().location).toBe("gpu-buffer");
    }
    expect(Array.from((await engine.read(["total"]))["total"] as Float32Array)).toEqual([3, 6, 9]);
  });

  test("several steps in one run are refused: its provider has no Loop", async () => {
    await expect(compile(runningSum(3), { device: "webgpu", inThread: true })).rejects.toThrow(
      "webgpu cannot take several steps in one run; omit stepsPerRun",
    );
  });

  test("state that a step leaves as it is survives being replaced by itself", async ({ skip }) => {
    skip(missing !== undefined, missing);
    const x = g.input("x", "float32", [3]);
    const kept = g.input("kept", "float32", [3]);
    await using program: Program = await compile(
      { state: [kept], functions: { step: { inputs: [x], outputs: { y: g.add(x, kept) }, next: { kept } } } },
      { device: "webgpu", inThread: true },
    );
    await program.writeState({ kept: Float32Array.of(1, 2, 3) });
    for (let step = 0; step < 3; step++) {
      const { y } = await program.step({ x: Float32Array.of(step, 0, 0) });
      expect(Array.from(y as Float32Array)).toEqual([1 + step, 2, 3]);
    }
    expect(Array.from((await program.readState())["kept"] as Float32Array)).toEqual([1, 2, 3]);
  });

  test("a run whose numbers are not finite leaves the state on the device as it was", async ({ skip }) => {
    skip(missing !== undefined, missing);
    await using program = await started({ device: "webgpu", inThread: true });
    await program.step(feedsAt(0));
    const before = await program.readState();
    const guarded = { commitWhenFinite: ["norm"] };
    const overflow = { ...feedsAt(1), rate: Float32Array.of(1e25) };
    expect((await program.attempt("step", overflow, guarded)).committed).toBe(false);
    expect(await program.readState()).toEqual(before);
    expect((await program.attempt("step", feedsAt(1), guarded)).committed).toBe(true);
    const { total } = await program.readState();
    expectedTotal(2).forEach((expected, i) => {
      expect(Math.abs((total![i] as number) - expected)).toBeLessThan(1e-4);
    });
  });

  test("a failed run leaves the state on the device as it was", async ({ skip }) => {
    skip(missing !== undefined, missing);
    await using program = await started({ device: "webgpu", inThread: true });
    await program.step(feedsAt(0));
    const before = await program.readState();
    await expect(program.step({ x: new Float32Array(1), rate: Float32Array.of(1) })).rejects.toThrow(
      /input x has type/,
    );
    expect(await program.readState()).toEqual(before);
  });

  test("a small classifier trains as on the CPU", { timeout: 120_000 }, async ({ skip }) => {
    skip(missing !== undefined, missing);
    const final: number[][] = [];
    for (const device of ["cpu", "webgpu"] as const) {
      const program = await compile(logistic(), { device, inThread: true });
      await program.writeState({ weight: new Float32Array(12), momentum: new Float32Array(12) });
      const losses: number[] = [];
      for (let step = 0; step < 3; step++) losses.push((await program.step(batch()))["loss"]![0] as number);
      const { weight } = await program.readState(["weight"]);
      final.push([...losses, ...(weight as Float32Array)]);
      await program.close();
    }
    final[0]!.forEach((value, i) => {
      expect(Math.abs(final[1]![i]! - value)).toBeLessThan(1e-4);
    });
    expect(final[0]![2]).toBeLessThan(final[0]![0]!);
  });
});

/** Softmax regression of 4 features and 3 classes with momentum. */
function logistic() {
  const x = g.input("x", "float32", [5, 4]);
  const target = g.input("target", "float32", [5, 3]);
  const weight = g.input("weight", "float32", [4, 3]);
  const momentum = g.input("momentum", "float32", [4, 3]);
  const loss = g.negate(g.reduceMean(g.reduceSum(g.multiply(target, g.logSoftmax(g.matmul(x, weight))), 1)));
  const [gradient] = g.grad(loss, [weight]);
  const trace = g.add(gradient!, g.multiply(momentum, 0.9));
  return {
    state: [weight, momentum],
    functions: {
      step: {
        inputs: [x, target],
        outputs: { loss },
        next: { weight: g.subtract(weight, g.multiply(trace, 0.5)), momentum: trace },
      },
    },
  };
}

function batch() {
  const x = Float32Array.from({ length: 20 }, (_, i) => Math.sin(i * 1.7));
  const target = new Float32Array(15);
  for (let i = 0; i < 5; i++) target[i * 3 + (i % 3)] = 1;
  return { x, target };
}
