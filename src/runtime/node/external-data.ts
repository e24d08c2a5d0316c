/**
 * Finds the external weight files of an ONNX model, and checks that they are in the model's own folder.
 */
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { protobufFields } from "../../formats/protobuf-reader.js";

/** Message types of onnx.proto3 and, by field number, the nested messages that can contain tensors. */
type Kind = "model" | "function" | "graph" | "node" | "attribute" | "sparse" | "tensor";
const inside: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: "graph", 25: "function" },
  function: { 7: "node" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse" },
  sparse: { 1: "tensor", 2: "tensor" },
  tensor: {},
};
/** `TensorProto.external_data`: entries of a key and a value. */
const externalData = 13;

/** Maximum nesting of subgraphs; a deeper file is treated as damaged. */
const maxDepth = 64;

/** Distinct `location` entries of a model's external tensors. Throws an Error for a damaged message. */
export function externalLocations(bytes: Uint8Array): string[] {
  const found = new Set<string>();
  const walk = (message: Uint8Array, kind: Kind, depth: number): void => {
    if (depth > maxDepth)
      throw new Error(`its subgraphs are nested more than ${maxDepth} messages deep; the file is damaged`);
    for (const { number, wire, bytes: content } of protobufFields(message)) {
      if (wire !== 2) continue;
      const next = inside[kind][number];
      if (next) walk(content, next, depth + 1);
      else if (kind === "tensor" && number === externalData) {
        const [key, value] = [1, 2].map((part) =>
          new TextDecoder().decode([...protobufFields(content)].find((field) => field.number === part)?.bytes),
        );
        if (key === "location") found.add(value ?? "");
      }
    }
  };
  walk(bytes, "model", 0);
  return [...found];
}

/**
 * Resolves the paths of external data, which are relative to the model's folder (onnx.proto3, `external_data`). Throws an Error for a path
 * outside that folder, also through a symbolic link, and for a missing file.
 */
export async function externalPaths(modelPath: string, locations: readonly string[]): Promise<string[]> {
  const folder = dirname(modelPath);
  const root = await realpath(folder);
  const paths: string[] = [];
  for (const location of locations) {
    const path = join(folder, location);
    if (location === "" || isAbsolute(location) || leavesFolder(relative(folder, path))) {
      throw new Error(`its weights ${JSON.stringify(location)} are outside its folder; expected a path inside it`);
    }
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) throw new Error(`its weights ${location} are missing; put them into ${folder}`);
    if (leavesFolder(relative(root, real))) {
      throw new Error(`its weights ${location} are a symbolic link out of its folder; replace it with the file`);
    }
    paths.push(path);
  }
  return paths;
}

const leavesFolder = (path: string): boolean => path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
