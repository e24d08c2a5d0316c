/** Reverse-mode differentiation: extends the graph with the gradients of a scalar. */
import { after } from "../ops/control.js";
import { add } from "../ops/elementwise.js";
import { scalar } from "../ops/leaf.js";
import { unscale } from "../ops/scale.js";
import { zerosOf } from "../ops/shape.js";
import {
  apply,
  type Block,
  describe,
  isFloat,
  type Node,
  outsideBlocks,
  reachable,
  ShapeError,
  type Tensor,
} from "../tensor.js";

/** A gradient for each parameter, of its type. */
type Gradients<P extends readonly Tensor[]> = { -readonly [K in keyof P]: Tensor<P[K]["dtype"]> };

/**
 * Computes the gradients of a float scalar with respect to the given tensors, in their order. A tensor that the loss does not depend on has
 * a zero gradient. The nodes of a rematerialised block are recomputed in the backward pass, each block only after its incoming gradient has
 * been computed. Throws ShapeError if the loss is not a float scalar, if an operation on a path has no gradient, or if a tensor is the
 * output of `scale`.
 */
export function grad<const P extends readonly Tensor[]>(loss: Tensor, parameters: P): Gradients<P> {
  if (loss.shape.length !== 0 || !isFloat(loss.dtype)) {
    throw new ShapeError(`grad: the loss must be a float scalar, got ${describe(loss)}; reduce it first`);
  }
  for (const parameter of parameters) {
    if (unscale(parameter)[0] !== parameter) {
      throw new ShapeError(
        `grad: ${describe(parameter)} is a scaled tensor, whose factor its consumers may have absorbed; take the gradient of its source`,
      );
    }
  }
  return outsideBlocks(() => backward(loss, parameters)) as Gradients<P>;
}

function backward(loss: Tensor, parameters: readonly Tensor[]): Tensor[] {
  const nodes = reachable([loss]);
  const wanted = new Set<Tensor>(parameters);
  // Only nodes on a path from a requested tensor to the loss take part.
  const active = new Set<Tensor>(parameters);
  for (const node of nodes) {
    if (node.inputs.some((tensor) => active.has(tensor))) for (const output of node.outputs) active.add(output);
  }
  const gradients = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor) => {
    const already = gradients.get(tensor);
    gradients.set(tensor, already ? add(already, gradient) : gradient);
  };
  accumulate(loss, scalar(1, loss.dtype));
  const blocks = new Map<Block, Recomputation>();
  for (const node of nodes.reverse()) {
    const flowing = node.outputs.map((output) => gradients.get(output));
    if (flowing.every((gradient) => gradient === undefined)) continue;
    if (!node.inputs.some((tensor) => active.has(tensor))) continue;
    if (!node.operation.gradient) {
      if (!node.outputs.some((tensor) => isFloat(tensor.dtype))) continue;
      throw new ShapeError(
        `grad: ${node.operation.name} has no gradient; give its definition a gradient rule, or apply stopGradient to its output`,
      );
    }
    const { keptFrom = node.outputs.length } = node.operation;
    if (flowing.some((gradient, index) => gradient !== undefined && index >= keptFrom)) {
      throw new ShapeError(
        `grad: ${node.operation.name} cannot be differentiated a second time; write it with operations that can`,
      );
    }
    let source = node;
    if (node.block) {
      let recomputation = blocks.get(node.block);
      if (!recomputation) {
        const incoming = flowing.find((gradient) => gradient !== undefined)!;
        recomputation = recompute(node.block, nodes, incoming);
        blocks.set(node.block, recomputation);
      }
      source = recomputation.get(node)!;
    }
    const inputGradients = node.operation.gradient(source, flowing);
    node.inputs.forEach((tensor, i) => {
      const gradient = inputGradients[i];
      if (gradient && active.has(tensor)) accumulate(tensor, gradient);
    });
    for (const output of node.outputs) if (!wanted.has(output)) gradients.delete(output);
  }
  return parameters.map((parameter) => gradients.get(parameter) ?? zerosOf(parameter));
}

type Recomputation = Map<Node, Node>;

/** Copies the nodes of a block; its inputs are delayed until `incoming`, the gradient that needs them, has been computed. */
function recompute(block: Block, nodes: readonly Node[], incoming: Tensor): Recomputation {
  const copies: Recomputation = new Map();
  const replaced = new Map<Tensor, Tensor>();
  const heldBack = (tensor: Tensor): Tensor => {
    const known = replaced.get(tensor);
    if (known) return known;
    // Leaves (parameters, constants) are available already; values computed outside the block are delayed.
    const value = tensor.producer.inputs.length === 0 || !isFloat(tensor.dtype) ? tensor : after(tensor, incoming);
    replaced.set(tensor, value);
    return value;
  };
  // Parameters and constants first used inside the block are leaves: they are not computed and never copied.
  const inOrder = nodes.filter((node) => node.block === block && node.inputs.length > 0).sort((a, b) => a.id - b.id);
  for (const node of inOrder) {
    const outputs = apply(node.operation, node.inputs.map(heldBack), node.attributes);
    node.outputs.forEach((output, i) => {
      replaced.set(output, outputs[i]!);
    });
    copies.set(node, outputs[0]!.producer);
  }
  return copies;
}
