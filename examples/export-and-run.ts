/** Exports a network as ONNX with its preprocessing of values, and runs the file with ONNX Runtime alone. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportNetwork } from "fovea";
import { InferenceSession, Tensor } from "fovea-onnxruntime";

const [spec = "embedded:tiny"] = process.argv.slice(2);
const file = join(await mkdtemp(join(tmpdir(), "fovea-")), "network.onnx");
const { bytes = 0 } = await exportNetwork(spec, file, { input: "uint8" });

const session = await InferenceSession.create(file);
const [input = ""] = session.inputNames;
const { shape } = session.inputMetadata[0] as { shape: readonly (number | string)[] };
const dims = shape.map((size) => (typeof size === "number" ? size : 1));
const grey = new Tensor("uint8", new Uint8Array(dims.reduce((a, b) => a * b)).fill(127), dims);
const outputs = await session.run({ [input]: grey });
console.log(
  `${(bytes / 1e6).toFixed(1)} MB; ${input} ${dims} ->`,
  Object.values(outputs).map(({ dims }) => dims),
);
