/**
 * Traces a network for an export: input pixels, their conversion to the network's own input, and outputs by name.
 */
import {
  add,
  bytesOf,
  cast,
  constant,
  type Initializer,
  input,
  multiply,
  type OnnxGraph,
  onnxGraph,
  reduceSum,
  type Tensor,
  transpose,
} from "../graph/index.js";
import { type ModelConfig, model } from "../models/index.js";
import { Scope } from "../nn/index.js";
import { requireFinite, type WeightTensor } from "../weights/index.js";
import { ExportError } from "./error.js";

/**
 * Scaling of 8-bit pixels to the network's input: (pixel / 255 - mean) / deviation for each channel. Published Vision Transformers and BiT have
 * 0.5 and 0.5, the range -1 to 1 (papers.md 1.1, 2.1).
 */
export interface PixelScaling {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

export interface TraceOptions {
  readonly config: ModelConfig;
  /** [height, width, channels] */
  readonly image: readonly [number, number, number];
  /**
   * Input format. `pixel_values`: scaled float32 [batch, channels, height, width]. `uint8`: pixels `image` [batch, height, width, channels].
   * `colour`: like `pixel_values`, but always with 3 channels, which a network of one channel converts to grey.
   */
  readonly input: "pixel_values" | "uint8" | "colour";
  /** For 8-bit pixels; one number for each channel, or one for all. */
  readonly scaling: PixelScaling;
  /** Names of the outputs by kind; `tokens` is the whole sequence after the last norm, if there is one. */
  readonly outputs: Readonly<Partial<Record<OutputKind, string>>>;
  /** Node types to avoid. */
  readonly lacking: readonly string[];
}

export type OutputKind = "logits" | "features" | "tokens";

/** Builds the graph for one batch size, with the parameters as inputs after the pixels. Throws ExportError and ShapeError. */
export function traceNetwork(options: TraceOptions, batch: number): OnnxGraph {
  const { config, image, outputs } = options;
  const scope = Scope.root({ fixedWeights: true });
  const { pixels, scaled } =
    options.input === "uint8" ? bytePixels(options, batch) : floatPixels(image, batch, options.input === "colour");
  const traced = model(scope, scaled, config);
  const found: Record<OutputKind, Tensor | undefined> = {
    logits: traced.logits,
    features: traced.preLogits,
    tokens: traced.intermediates["encoded"],
  };
  const wanted: Record<string, Tensor> = {};
  for (const [kind, name] of Object.entries(outputs) as [OutputKind, string][]) {
    const tensor = found[kind];
    if (!tensor) {
      throw new ExportError(
        kind === "logits"
          ? "this network has no head (classes: 0), so it gives no logits; export its features"
          : `a ${config.family} has no sequence of tokens; export its features or logits`,
      );
    }
    wanted[name] = tensor;
  }
  const parameters = scope.parameters.map(({ tensor }) => tensor);
  return onnxGraph(wanted, [pixels, ...parameters], { name: config.family, lacking: options.lacking });
}

/** Luminance weights of red, green and blue, ITU-R BT.601, with which image libraries convert colour to grey. */
export const brightness = [0.299, 0.587, 0.114];

function floatPixels([height, width, channels]: TraceOptions["image"], batch: number, colour: boolean) {
  if (colour && channels !== 1 && channels !== 3) {
    throw new ExportError(`the network takes images of ${channels} channels; colour images can be made 3 or 1`);
  }
  const pixels = input("pixel_values", "float32", [batch, colour ? 3 : channels, height, width]);
  const scaled = transpose(pixels, [0, 2, 3, 1]);
  // The three weights sum to 1, so that the grey of scaled colours is the scaled grey.
  const grey = colour && channels === 1;
  return { pixels, scaled: grey ? reduceSum(multiply(scaled, constant(brightness, [3])), -1, true) : scaled };
}

function bytePixels({ image: [height, width, channels], scaling }: TraceOptions, batch: number) {
  const each = (values: readonly number[], name: string): number[] => {
    if (values.length !== 1 && values.length !== channels) {
      throw new ExportError(`${name} of the pixels has ${values.length} numbers for ${channels} channels`);
    }
    return Array.from({ length: channels }, (_, i) => values[values.length === 1 ? 0 : i]!);
  };
  const mean = each(scaling.mean, "mean");
  const deviation = each(scaling.deviation, "deviation");
  const pixels = input("image", "uint8", [batch, height, width, channels]);
  const factor = deviation.map((value) => 1 / (255 * value));
  const shift = mean.map((value, i) => -value / deviation[i]!);
  const scaled = add(multiply(cast(pixels, "float32"), constant(factor, [channels])), constant(shift, [channels]));
  return { pixels, scaled };
}

/**
 * Replaces parameter inputs by constants; they follow the `ports` inputs that remain. Throws ExportError with every parameter that is missing or
 * has another shape.
 */
export function withParameters(graph: OnnxGraph, parameters: ReadonlyMap<string, WeightTensor>, ports = 1): OnnxGraph {
  const taken = graph.inputs.slice(ports);
  const wrong: string[] = [];
  const initializers: Initializer[] = [...graph.initializers];
  for (const { name, type } of taken) {
    const given = parameters.get(name);
    if (!given) wrong.push(`${name}: missing`);
    else if (given.shape.join() !== type.shape.join()) {
      wrong.push(`${name}: [${given.shape.join(", ")}] given, [${type.shape.join(", ")}] expected`);
    } else {
      requireFinite(given.data, name);
      initializers.push({ name, type: { dtype: "float32", shape: [...type.shape] }, bytes: bytesOf(given.data) });
    }
  }
  if (wrong.length > 0) {
    throw new ExportError(`the parameters do not fit the configuration:\n  ${wrong.join("\n  ")}`);
  }
  return { ...graph, inputs: graph.inputs.slice(0, ports), initializers };
}
