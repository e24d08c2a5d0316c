/** What is computed on Node and in a browser, by the functions that are given. */
import { gelu, input, reduceMean } from "fovea/graph";
import { dense, losses, Scope, targetsOf } from "fovea/nn";
import type { compile } from "fovea/runtime";
import type { trainStep } from "fovea/train";
import { drawBatch, seededRandom } from "../../../examples/browser-training/drawing.js";
import { network, sizes } from "../../../examples/browser-training/network.js";

/** Loss and gradients by the names of parameters. Weights and images are the same on every call: they are drawn from seeds. */
export async function gradientsOf(
  start: typeof compile,
  options: { readonly device: "cpu" | "webgpu"; readonly threads?: number },
): Promise<Record<string, number[]>> {
  const { images, labels, loss, parameters, gradients } = network(sizes.tiny);
  const outputs = Object.fromEntries(parameters.map(({ name }, i) => [`of ${name}`, gradients[i]!]));
  const program = await start(
    {
      state: parameters.map(({ tensor }) => tensor),
      functions: { run: { inputs: [images, labels], outputs: { loss, ...outputs } } },
    },
    options,
  );
  const random = seededRandom(3);
  const values = parameters.map(({ name, tensor }) => {
    const scale = name.endsWith("kernel") ? 0.5 : 0.2;
    const centre = name.endsWith("scale") ? 1 : 0;
    const count = tensor.shape.reduce((product, size) => product * size, 1);
    return [name, Float32Array.from({ length: count }, () => centre + scale * (random() - 0.5))] as const;
  });
  await program.writeState(Object.fromEntries(values));
  const results = await program.run("run", { ...drawBatch(sizes.tiny.batchSize, seededRandom(4)) });
  await program.close();
  return Object.fromEntries(Object.entries(results).map(([name, data]) => [name, Array.from(data, Number)]));
}

/** Losses of a network of two layers that learns which points are inside a circle, by `trainStep`. */
export async function lossesOf(start: typeof trainStep, device: "cpu" | "webgpu"): Promise<number[]> {
  const scope = Scope.root();
  const [points, labels] = [input("points", "float32", [32, 2]), input("labels", "int32", [32])];
  const logits = dense(scope.at("output"), gelu(dense(scope.at("hidden"), points, 16)), 2);
  const loss = reduceMean(losses.softmax(logits, targetsOf(labels, 2)));
  const step = await start(loss, scope, { name: "adam", learningRate: 0.05 }, { device });
  const random = seededRandom(5);
  const found: number[] = [];
  for (let i = 0; i < 12; i++) {
    const batch = Float32Array.from({ length: 64 }, () => 2 * random() - 1);
    const inside = (_: unknown, n: number) => Number(Math.hypot(batch[2 * n] ?? 0, batch[2 * n + 1] ?? 0) < 0.8);
    found.push(await step.step({ points: batch, labels: Int32Array.from({ length: 32 }, inside) }));
  }
  await step.close();
  return found;
}
