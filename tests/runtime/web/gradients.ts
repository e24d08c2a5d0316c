/** Gradients of the page's network, computed by the runtime that is given: that of Node, or that of a browser. */
import type { compile } from "fovea/runtime";
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
