/** Exports a network as ONNX with a dynamic batch, folded constants, and the operators that are fastest in inference. */
import { encodeOnnx, type NumericArray, type OnnxGraph, type OnnxModel, withScaledChannels } from "../graph/index.js";
import { defined } from "../text/defined.js";
import type { Weights } from "../weights/index.js";
import { withFreeBatch } from "./dynamic-batch.js";
import { ExportError } from "./error.js";
import { inferenceGraph } from "./inference.js";
import { withOpset } from "./opset.js";
import { photoInput, withPhotoInput } from "./photo.js";
import { pixelPreparation } from "./pixels.js";
import { convolutionRanges, withQuantisedConvolutions } from "./quantised-convolutions.js";
import { withFloat16Weights, withInt8Weights } from "./small-weights.js";
import { type OutputKind, type PixelScaling, type TraceOptions, traceNetwork, withParameters } from "./trace.js";

export type WeightFormat = "float32" | "float16" | "int8";

/** Options of exporting a network as ONNX. */
export interface ExportOptions {
  /**
   * Outputs of the model: `logits` [batch, classes], `features` [batch, width] (pre-logits), or both, under these names; or a custom name for
   * each, where `tokens` is the sequence after the last norm. Default: logits if there is a head, else features.
   */
  readonly outputs?: "logits" | "features" | "both" | Readonly<Partial<Record<OutputKind, string>>>;
  /** Storage type of the weights; see `withFloat16Weights` and `withInt8Weights`. Default: float32. */
  readonly weights?: WeightFormat;
  /**
   * For int8 weights of networks with convolutions: some dozens of images of the intended kind, in the model's input format. The ranges measured
   * on them allow convolutions in integers; without them, weights are only stored as int8.
   */
  readonly calibration?: NumericArray;
  /**
   * Input format (see `TraceOptions.input`), or `photo`: 8-bit RGB [batch, height, width, 3] of any size, which the model resizes to its own size
   * by the weights' preprocessing (see `withPhotoInput`). Default: `pixel_values`.
   */
  readonly input?: TraceOptions["input"] | "photo";
  /** Called with the preprocessing steps that the model computes differently. */
  readonly note?: (text: string) => void;
  /** For 8-bit pixels. Default: the value range of the weights' preprocessing, or -1 to 1 if they have none. */
  readonly scaling?: PixelScaling;
  /**
   * `fused`: use ONNX Runtime's own operators where they were measured to be faster (attention, GELU with its bias). `plain`: use only standard
   * ONNX operators, for other runtimes. Default: `fused`.
   */
  readonly operators?: "fused" | "plain";
  /** Opset version, from 17 (IR 8) to 21 (IR 10). Default: 21 (see `withOpset`). */
  readonly opset?: number;
  /** Batch size. Default: dynamic. */
  readonly batch?: number;
  /** Metadata entries of the model, besides the configuration and the metadata of the weights. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Size in bytes above which weights are stored in a separate file with this name (a protobuf is limited to 2 GB). */
  readonly externalAbove?: number;
  readonly externalPath?: string;
}

/** Two batch sizes that are unlikely to be factors of other sizes of a network. */
const tracedBatches = [2, 3] as const;

/**
 * Exports a network as an ONNX model. Throws ExportError if parameters are missing or have wrong shapes, a requested output does not exist, or
 * the network does not support the options; WeightsError if a weight is not finite.
 *
 * @example
 * const model = await exportOnnx(await loadWeights("b16.safetensors"), { weights: "int8" });
 * await writeExport(model, "b16.onnx");
 */
export async function exportOnnx(weights: Weights, options: ExportOptions = {}): Promise<OnnxModel> {
  const { opset } = options;
  const traced = await exportedGraph(weights, options);
  const graph =
    options.input === "photo"
      ? withPhotoInput(traced, weights.metadata.preprocessing, weights.image, options.note)
      : traced;
  return encodeOnnx(opset === undefined ? graph : withOpset(graph, opset), {
    opset,
    metadata: {
      ...describing(weights, options.input === "photo" ? photoInput : undefined),
      ...options.metadata,
    },
    externalAbove: options.externalAbove,
    externalPath: options.externalPath,
  });
}

/** Builds the same model before it is encoded. Throws the same errors as `exportOnnx`. */
export async function exportedGraph(weights: Weights, options: ExportOptions = {}): Promise<OnnxGraph> {
  const { operators = "fused", batch } = options;
  const { config, image } = weights;
  const trace: TraceOptions = {
    config,
    image: [image.height, image.width, image.channels],
    input: options.input === "photo" ? "uint8" : (options.input ?? "pixel_values"),
    scaling: options.scaling ?? pixelPreparation(weights.metadata.preprocessing, image).scaling,
    outputs: outputNames(options.outputs ?? (config.classes > 0 ? "logits" : "features")),
    lacking: operators === "plain" ? ["FusedMatMul"] : [],
  };
  if (batch !== undefined && (!Number.isInteger(batch) || batch < 1)) {
    throw new ExportError(`a batch of ${batch} images is none; give a whole number from 1, or none for any`);
  }
  const traced = (size: number) => ({ graph: traceNetwork(trace, size), batch: size });
  const shaped =
    batch === undefined ? withFreeBatch(traced(tracedBatches[0]), traced(tracedBatches[1])) : traced(batch).graph;
  const graph = await inferenceGraph(withParameters(shaped, weights.tensors), operators);
  switch (options.weights ?? "float32") {
    case "float32":
      return withScaledChannels(graph);
    case "float16":
      return withFloat16Weights(withScaledChannels(graph));
    case "int8": {
      const { calibration } = options;
      const ranges = calibration && (await convolutionRanges(graph, calibration));
      return withInt8Weights(ranges?.size ? withQuantisedConvolutions(graph, ranges) : withScaledChannels(graph));
    }
  }
}

function outputNames(outputs: NonNullable<ExportOptions["outputs"]>): Readonly<Partial<Record<OutputKind, string>>> {
  if (typeof outputs !== "string") return outputs;
  if (outputs === "both") return { logits: "logits", features: "features" };
  return { [outputs]: outputs };
}

/** Metadata of the file, which ONNX viewers show. */
function describing({ config, image, metadata }: Weights, input: string | undefined): Record<string, string> {
  const { preprocessing, classNames, licence, source } = metadata;
  return defined({
    config: JSON.stringify(config),
    image: `${image.height}x${image.width}x${image.channels}`,
    preprocessing,
    classNames: classNames && JSON.stringify(classNames),
    licence,
    source,
    input,
  });
}
