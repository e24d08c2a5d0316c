/** ONNX files that others made: what goes in and comes out, and a program that runs one. */
import "./telemetry.js";
import { readFile } from "node:fs/promises";
import { InferenceSession } from "onnxruntime-node";
import { protobufFields } from "../formats/protobuf-reader.js";
import type { DType, NamedType, OnnxModel, Shape } from "../graph/index.js";
import { externalLocations, externalPaths } from "./external-data.js";
import { type CompileOptions, type Program, startProgram } from "./program.js";

/** An input or output of a file; sides that any size fits are their names, or undefined where they have none. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string | undefined)[];
}

export interface OnnxFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Paths of the files beside it that hold its weights; most models have none. */
  readonly external: readonly string[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** What it says of itself beside the graph: preprocessing and class names in files of ours. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file that is no ONNX model, or cannot be run as asked; names the file and what to do. */
export class OnnxFileError extends Error {
  override name = "OnnxFileError";
}

/**
 * Reads a model and what it says of its inputs and outputs. Weights in other files are read from the model's own folder only.
 * Throws OnnxFileError when the runtime cannot open it, or its weights are missing or lie elsewhere.
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  return await inspect(path, await readFile(path), true);
}

/** The same for a model in memory, whose weights must be in it; `path` is how messages call it. */
export async function inspectOnnx(path: string, bytes: Uint8Array): Promise<OnnxFile> {
  return await inspect(path, bytes, false);
}

async function inspect(path: string, bytes: Uint8Array, isFile: boolean): Promise<OnnxFile> {
  let session: InferenceSession;
  let external: readonly string[];
  try {
    const locations = externalLocations(bytes);
    if (locations.length > 0 && !isFile) throw new Error("its weights are in other files");
    external = await externalPaths(path, locations);
    // one thread: nothing is run
    const options = { graphOptimizationLevel: "disabled", logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
    // from its path the runtime finds what lies beside it; from bytes it would look in the working directory
    session =
      external.length > 0
        ? await InferenceSession.create(path, options)
        : await InferenceSession.create(bytes, options);
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new OnnxFileError(`${path} cannot be opened as an ONNX model: ${reason}`, { cause: error });
  }
  const ports = (metadata: InferenceSession["inputMetadata"]): OnnxPort[] =>
    metadata.map((one) =>
      one.isTensor
        ? {
            name: one.name,
            dtype: one.type,
            shape: one.shape.map((side) => (side === -1 || side === "" ? undefined : side)),
          }
        : { name: one.name, dtype: "not a tensor", shape: [] },
    );
  const file = {
    path,
    bytes,
    external,
    inputs: ports(session.inputMetadata),
    outputs: ports(session.outputMetadata),
    metadata: metadataOf(bytes),
  };
  await session.release();
  return file;
}

/** The entries of `ModelProto.metadata_props` (field 14 of onnx.proto3), which the runtime's binding does not show. */
function metadataOf(bytes: Uint8Array): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { number, bytes: entry } of protobufFields(bytes)) {
    if (number !== 14) continue;
    const [key = "", value = ""] = [1, 2].map((part) =>
      new TextDecoder().decode([...protobufFields(entry)].find((field) => field.number === part)?.bytes),
    );
    found[key] = value;
  }
  return found;
}

export interface CompileOnnxOptions extends CompileOptions {
  /** Rows that outputs must have, by name: a run throws an Error where the first side of one is another. */
  readonly rows?: Readonly<Record<string, number>>;
}

/**
 * A program with one function, `run`, over a file: from arrays of the given shapes, one for each of its inputs, to all of its
 * outputs. Throws OnnxFileError when an input is missing, extra, or of a shape or type that does not fit.
 */
export async function compileOnnx(
  file: OnnxFile,
  shapes: Readonly<Record<string, Shape>>,
  { rows, ...options }: CompileOnnxOptions = {},
): Promise<Program> {
  const problems = [
    ...Object.keys(shapes)
      .filter((name) => !file.inputs.some((port) => port.name === name))
      .map((name) => `no input ${name}`),
    ...file.inputs.flatMap((port) => misfit(port, shapes[port.name]) ?? []),
  ];
  if (problems.length > 0) {
    const ports = file.inputs.map((port) => describePort(port)).join(", ");
    throw new OnnxFileError(`${file.path} cannot be run so: ${problems.join("; ")}. Its inputs: ${ports}`);
  }
  const inputs = file.inputs.map(
    ({ name, dtype }): NamedType => ({ name, type: { dtype: dtype as DType, shape: shapes[name]! } }),
  );
  // The shapes of outputs follow from those of the inputs; only their rows are checked.
  const outputs = file.outputs.map(
    ({ name, dtype }): NamedType => ({ name, type: { dtype: dtype as DType, shape: [] } }),
  );
  const model: OnnxModel = {
    bytes: file.bytes,
    inputs,
    outputs,
    nodeCount: 0,
    file: file.external.length > 0 ? file.path : undefined,
    rows,
  };
  return await startProgram({ state: {}, functions: { run: { model, reads: [], writes: {} } } }, options);
}

const describePort = ({ name, dtype, shape }: OnnxPort): string =>
  `${name} ${dtype} [${shape.map((side) => side ?? "any").join(", ")}]`;

function misfit(port: OnnxPort, given: Shape | undefined): string | undefined {
  if (!given) return `no shape for ${describePort(port)}`;
  const fits =
    given.length === port.shape.length &&
    port.shape.every((side, axis) => typeof side !== "number" || side === given[axis]);
  return fits ? undefined : `[${given.join(", ")}] does not fit ${describePort(port)}`;
}
