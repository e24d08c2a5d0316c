/** Opens a trained network for use: its parameters in a program that only goes forward. */
import { type Closable, closable } from "../../files/closable.js";
import { elementCount } from "../../graph/index.js";
import { compile, type Device, type Program, type ProgramFunction } from "../../runtime/index.js";
import { CheckpointError } from "../run/checkpoint.js";
import { forwardFunctions, onlyRepresentation } from "./forward.js";
import { type ReadNetworkOptions, readNetwork, type TrainedNetwork } from "./read.js";
import { restoredState } from "./restore.js";
import { preprocessingOfViews, type TestViews } from "./test-views.js";

export interface OpenModelOptions extends ReadNetworkOptions {
  readonly device?: Device;
  /** Threads inside one operation; default `availableThreads()`. */
  readonly threads?: number;
  /** Images a run of the program takes; 32 when left out. */
  readonly batchSize?: number;
  /** The functions to compile; `represent` and, with a head, `evaluate` when left out. */
  /** `classify` averages over several views of an image; `preprocessing` is then that of the image they are cut out of. */
  readonly views?: TestViews;
  readonly functions?: readonly ("represent" | "classify" | "evaluate")[];
}

/** A trained network that is open for use. */
export interface OpenedModel extends Omit<TrainedNetwork, "tensors">, Closable {
  /** Functions `represent` (image; gives preLogits), `classify` (image; gives logits), `evaluate` (image, label; gives logits and loss). */
  readonly program: Program;
  readonly batchSize: number;
  /** Features of its representation. */
  readonly width: number;
  readonly parameterCount: number;
  close(): Promise<void>;
}

/** Enough images that the products are large; more would only take more memory. */
const usualBatchSize = 32;

/**
 * Opens the network at a path (see `readNetwork`, whose errors it throws too).
 *
 * Throws CheckpointError when the parameters do not fit the model, naming every tensor that is missing, extra or
 * mis-shaped, and when classes are asked of a network that has no head.
 *
 * @example
 * const model = await openModel("runs/quickstart");
 * const { features } = await representImages(model.program, source, model);
 * await model.close();
 */
export async function openModel(path: string, options: OpenModelOptions = {}): Promise<OpenedModel> {
  const { tensors: stored, ...network } = await readNetwork(path, options);
  const batchSize = options.batchSize ?? usualBatchSize;
  const headless = network.config.classes === 0;
  const names = options.functions ?? (headless ? (["represent"] as const) : (["represent", "evaluate"] as const));
  if (headless && names.some((name) => name !== "represent")) {
    throw new CheckpointError(
      `${network.path} was trained without classes and has no head, so it cannot name any; use its representation (fovea embed, fovea fewshot), or put a classifier on it (fovea fit)`,
    );
  }
  const { views } = options;
  const config = { model: network.config, image: network.imageShape, batchSize };
  const forward = headless ? onlyRepresentation(config) : forwardFunctions({ ...config, loss: network.loss, views });
  const tensors = forward.parameters.map(({ tensor }) => tensor);
  const wanted = forward.parameters.map(({ name, tensor }) => ({ name, shape: tensor.shape }));
  const values = restoredState(wanted, { tensors: stored, path: network.path });
  const functions: Readonly<Record<string, ProgramFunction>> = forward.functions;
  const source = { state: tensors, functions: Object.fromEntries(names.map((name) => [name, functions[name]!])) };
  const program = await compile(source, {
    device: options.device ?? "cpu",
    threads: options.threads,
  });
  try {
    await program.writeState(values);
  } catch (error) {
    await program.close();
    throw error;
  }
  return closable<OpenedModel>({
    ...network,
    preprocessing: views
      ? preprocessingOfViews(network.preprocessing, network.imageShape, views)
      : network.preprocessing,
    program,
    batchSize,
    width: forward.functions.represent.outputs.preLogits.shape.at(-1)!,
    parameterCount: tensors.reduce((total, { shape }) => total + elementCount(shape), 0),
    close: () => program.close(),
  });
}
