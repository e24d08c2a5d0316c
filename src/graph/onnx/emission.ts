/** Converts the nodes of a traced graph to ONNX nodes and constants. */
import { encodeNumbers } from "../numbers.js";
import { inputName } from "../ops/leaf.js";
import {
  byteSize,
  type DType,
  type Emitter,
  type Node,
  type OnnxAttribute,
  ShapeError,
  type Tensor,
  type TensorType,
} from "../tensor.js";
import type { Initializer, OnnxNode } from "./graph.js";

/** Collects the nodes that operations emit, and constants deduplicated by value. */
export class Emission implements Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[] = [];
  private readonly shared = new Map<string, string>();
  private temporaries = 0;

  constructor(
    private readonly usedTensors: ReadonlySet<Tensor>,
    private readonly names: ReadonlyMap<Tensor, string>,
    private readonly lacking: ReadonlySet<string>,
  ) {}

  readonly name = (tensor: Tensor): string => this.names.get(tensor) ?? inputName(tensor) ?? `_t${tensor.id}`;
  readonly runs = (type: string): boolean => !this.lacking.has(type);
  readonly used = (tensor: Tensor): boolean => this.usedTensors.has(tensor);
  readonly temporary = (): string => `_v${this.temporaries++}`;

  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Record<string, OnnxAttribute> = {},
    domain = "",
  ): void {
    this.nodes.push({ type, inputs, outputs, attributes, domain });
  }

  float(value: number | readonly number[], dtype: DType = "float32"): string {
    const values = typeof value === "number" ? [value] : value;
    const shape = typeof value === "number" ? [] : [value.length];
    return this.sharedConstant(values, { dtype, shape });
  }

  int64(values: readonly number[]): string {
    return this.sharedConstant(values, { dtype: "int64", shape: [values.length] });
  }

  int64Scalar(value: number): string {
    return this.sharedConstant([value], { dtype: "int64", shape: [] });
  }

  initializer(name: string, type: TensorType, bytes: Uint8Array): void {
    if (bytes.length !== byteSize(type)) {
      throw new ShapeError(`initializer ${name}: ${bytes.length} bytes for ${type.dtype} [${type.shape.join(", ")}]`);
    }
    this.initializers.push({ name, type: { dtype: type.dtype, shape: [...type.shape] }, bytes });
  }

  private sharedConstant(values: readonly number[], type: TensorType): string {
    const key = `${type.dtype}[${type.shape}]${values.map((value) => (Object.is(value, -0) ? "-0" : value)).join()}`;
    let name = this.shared.get(key);
    if (name === undefined) {
      name = `_c${this.shared.size}`;
      this.shared.set(key, name);
      this.initializer(name, type, encodeNumbers(values, type.dtype));
    }
    return name;
  }
}

/**
 * Writes the nodes of a graph, and an Identity node for each output whose value does not have the output's name. `names` overrides names
 * of tensors; `before` may write nodes at the beginning.
 */
export function emit(
  nodes: readonly Node[],
  outputs: readonly (readonly [string, Tensor])[],
  lacking: readonly string[] = [],
  names: ReadonlyMap<Tensor, string> = new Map(),
  before?: (emission: Emission) => void,
): Emission {
  const used = new Set<Tensor>(outputs.map(([, tensor]) => tensor));
  for (const node of nodes) for (const tensor of node.inputs) used.add(tensor);
  const emission = new Emission(used, names, new Set(lacking));
  before?.(emission);
  // The runtime executes first what the last node of the file needs, then what the node before it needs, and so on. Nodes without
  // consumers are therefore written last, the deepest before the shallowest. The parameter gradients of a layer are then computed
  // during the backward pass, and not after all of it with every activation still alive.
  const depths = depthsOf(nodes);
  const deepestFirst = (a: Node, b: Node) => depths.get(b)! - depths.get(a)!;
  const read = new Set(nodes.flatMap((node) => node.inputs.map((tensor) => tensor.producer)));
  const unread = nodes.filter((node) => !read.has(node)).sort(deepestFirst);
  for (const node of [...nodes.filter((node) => read.has(node)), ...unread]) node.operation.emit(node, emission);
  const results = [...outputs].sort(([, a], [, b]) => deepestFirst(a.producer, b.producer));
  for (const [name, tensor] of results)
    if (emission.name(tensor) !== name) emission.node("Identity", [emission.name(tensor)], [name]);
  return emission;
}

/** Length of the longest path from a leaf to each node. */
function depthsOf(nodes: readonly Node[]): Map<Node, number> {
  const depths = new Map<Node, number>();
  for (const node of nodes) {
    depths.set(
      node,
      node.inputs.reduce((depth, { producer }) => Math.max(depth, depths.get(producer)! + 1), 0),
    );
  }
  return depths;
}
