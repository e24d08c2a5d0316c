/** Reads ONNX files written by other programs: their inputs and outputs, and a program that runs one. */
import "./telemetry.js";
import { readFile } from "node:fs/promises";
import { InferenceSession } from "fovea-onnxruntime";
import { protobufFields } from "../../formats/protobuf-reader.js";
import type { DType, NamedType, OnnxModel, Shape } from "../../graph/index.js";
import type { CompileOptions, Program } from "../program.js";
import { externalLocations, externalPaths } from "./external-data.js";
import { startProgram } from "./program.js";

/** An input or output of a file; a dynamic side is its name, or undefined if it has none. */
export interface OnnxPort {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string | undefined)[];
}

export interface OnnxFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Paths of its external weight files; empty for most models. */
  readonly external: readonly string[];
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  /** Metadata of the model; files exported by Fovea store preprocessing and class names in it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file is not an ONNX model or cannot be run as requested; the message has the file and what to do. */
export class OnnxFileError extends Error {
  override name = "OnnxFileError";
}

/**
 * Reads a model and the types of its inputs and outputs. External weights are read only from the model's own folder.
 * Throws OnnxFileError if the runtime cannot open it, or if its weights are missing or outside that folder.
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  return await inspect(path, await readFile(path), true);
}

/** Reads a model in memory, which must contain its weights; `path` is used in error messages. */
export async function inspectOnnx(path: string, bytes: Uint8Array): Promise<OnnxFile> {
  return await inspect(path, bytes, false);
}

async function inspect(path: string, bytes: Uint8Array, isFile: boolean): Promise<OnnxFile> {
  let session: InferenceSession;
  let external: readonly string[];
  try {
    const locations = externalLocations(bytes);
    if (locations.length > 0 && !isFile) throw new Error("its weights are in other files; expected them in the model");
    external = await externalPaths(path, locations);
    // One thread suffices because nothing is run.
    const options = { graphOptimizationLevel: "disabled", logSeverityLevel: 4, intraOpNumThreads: 1 } as const;
    // Opened by path, the runtime finds external weights beside the file; opened from bytes, it would search the working directory.
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

/** Entries of `ModelProto.metadata_props` (field 14 of onnx.proto3), which the runtime's binding does not expose. */
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
  /** Required number of rows of outputs, by name: a run throws an Error if the first side of one differs. */
  readonly rows?: Readonly<Record<string, number>>;
}

/**
 * Compiles a file into a program with one function, `run`, which takes one array of the given shape for each input and returns all outputs.
 * Throws OnnxFileError if an input is missing or unexpected, or has a shape or type that does not match.
 */
export async function compileOnnx(
  file: OnnxFile,
  shapes: Readonly<Record<string, Shape>>,
  { rows, ...options }: CompileOnnxOptions = {},
): Promise<Program> {
  const problems = [
    ...Object.keys(shapes)
      .filter((name) => !file.inputs.some((port) => port.name === name))
      .map((name) => `unexpected input ${name}`),
    ...file.inputs.flatMap((port) => misfit(port, shapes[port.name]) ?? []),
  ];
  if (problems.length > 0) {
    const ports = file.inputs.map((port) => describePort(port)).join(", ");
    throw new OnnxFileError(`${file.path} cannot be run: ${problems.join("; ")}; its inputs are ${ports}`);
  }
  const inputs = file.inputs.map(
    ({ name, dtype }): NamedType => ({ name, type: { dtype: dtype as DType, shape: shapes[name]! } }),
  );
  // The shapes of outputs follow from those of the inputs, by the runtime: it must allocate them. Only their rows are checked.
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
  return await compileModel(model, { ...options, copyOutputs: true });
}

/** Compiles a model whose weights are constants into a program with one function, `run`. */
export const compileModel = (model: OnnxModel, options: CompileOptions = {}): Promise<Program> =>
  startProgram({ state: {}, functions: { run: { model, reads: [], writes: {} } } }, options);

const describePort = ({ name, dtype, shape }: OnnxPort): string =>
  `${name} ${dtype} [${shape.map((side) => side ?? "any").join(", ")}]`;

function misfit(port: OnnxPort, given: Shape | undefined): string | undefined {
  if (!given) return `no shape for ${describePort(port)}`;
  const fits =
    given.length === port.shape.length &&
    port.shape.every((side, axis) => typeof side !== "number" || side === given[axis]);
  return fits ? undefined : `[${given.join(", ")}] does not fit ${describePort(port)}`;
}
