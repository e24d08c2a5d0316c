/**
 * Adds the preprocessing of images to an exported graph: from decoded photos of any size to the network's input pixels.
 */
import {
  bytesOf,
  freeHeight,
  freeSide,
  freeWidth,
  type Initializer,
  type NamedType,
  type OnnxGraph,
  type OnnxNode,
  onnxNode,
  onnxTypeCodes,
} from "../graph/index.js";
import { type Preprocessing, preprocessing } from "../images/index.js";
import { defined } from "../text/defined.js";
import { ExportError } from "./error.js";
import { brightness } from "./trace.js";

/** Name of the input: 8-bit RGB [batch, height, width, 3] of any height and width, the same within a batch. */
export const photoInput = "photo";

type Attributes = OnnxNode["attributes"];

/** Collects nodes and constants, each with a unique name. */
class Nodes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: Initializer[] = [];

  node(
    type: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output = `photo/${this.nodes.length}`,
  ): string {
    this.nodes.push(onnxNode(type, inputs, [output], attributes));
    return output;
  }

  private constant(dtype: "int64" | "float32" | "float64", shape: readonly number[], bytes: Uint8Array): string {
    const name = `photo/constant_${this.initializers.length}`;
    this.initializers.push({ name, type: { dtype, shape }, bytes });
    return name;
  }

  whole(...values: readonly number[]): string {
    return this.constant("int64", [values.length], bytesOf(BigInt64Array.from(values, BigInt)));
  }

  floats(...values: readonly number[]): string {
    return this.constant("float32", [values.length], bytesOf(Float32Array.from(values)));
  }

  doubles(...values: readonly number[]): string {
    return this.constant("float64", [values.length], bytesOf(Float64Array.from(values)));
  }

  cast(value: string, dtype: "int64" | "float64" | "float32" | "uint8", output?: string): string {
    return this.node("Cast", [value], { to: { int: onnxTypeCodes[dtype] } }, output);
  }
}

/** Settings of a resize; ONNX Runtime's Resize has the same kernels as src/images. */
interface Resizing {
  readonly method: "bilinear" | "bicubic";
  readonly antialias: boolean;
  readonly halfPixelCenters: boolean;
}

/** Applies the ops of a preprocessing string to a photo: adds nodes that change its values and its sides. */
class PhotoNodes {
  readonly out = new Nodes();
  /** The photo [batch, height, width, channels], float32. */
  private value = this.out.cast(photoInput, "float32");
  /** Its [height, width], int64. */
  private sides = this.out.node("Slice", [this.out.node("Shape", [photoInput]), this.out.whole(1), this.out.whole(3)]);
  private isGrey = false;

  constructor(private readonly note: (text: string) => void) {}

  /** Adds the nodes of one op. Throws ExportError if the op is not supported. */
  apply({ name, args, text }: Preprocessing[number]): void {
    const { out } = this;
    const size = args["size"] as number;
    const width = (args["width"] ?? args["size"]) as number;
    if (args["channels"] === 1 || name === "grey") this.grey();
    switch (name) {
      case "decode":
      case "grey":
      case "value_range":
        break;
      case "decode_resize": {
        const how = { method: "bilinear", antialias: true, halfPixelCenters: true } as const;
        if (args["fit"] === "cover") {
          this.resize(this.shortest(Math.max(size, width), "even"), how);
          // sharp's centre: (side - size + 1) / 2 in integers.
          this.centralCrop(size, width, "ceil");
        } else this.resize(out.whole(size, width), how);
        break;
      }
      case "resize":
        this.resize(out.whole(size, width), this.resizing(args, text));
        break;
      case "resize_small":
        this.resize(this.shortest(size, args["rounding"]), this.resizing(args, text));
        break;
      case "central_crop":
        if (args["size"] === null) throw new ExportError(`${text}: name the size to cut, to put it into the model`);
        this.centralCrop(size, width, args["rounding"]);
        break;
      default:
        throw new ExportError(`${text} of the preprocessing cannot be put into the model; export with --input uint8`);
    }
  }

  /** Casts the photo to 8 bits under the given name. */
  finish(name: string, channels: number): void {
    if (channels === 1) this.grey();
    this.out.cast(this.value, "uint8", name);
  }

  private grey(): void {
    if (this.isGrey) return;
    const { out } = this;
    const weighed = out.node("Mul", [this.value, out.floats(...brightness)]);
    this.value = out.node("Round", [out.node("ReduceSum", [weighed, out.whole(3)], { keepdims: { int: 1 } })]);
    this.isGrey = true;
  }

  private resizing(args: Preprocessing[number]["args"], text: string): Resizing {
    const isArea = args["method"] === "area";
    if (isArea) this.note(`${text}: the area method becomes an antialiased triangle in the model`);
    return {
      method: args["method"] === "bicubic" ? "bicubic" : "bilinear",
      antialias: isArea || args["antialias"] === true,
      halfPixelCenters: args["half_pixel_centers"] !== false,
    };
  }

  private resize(to: string, { method, antialias, halfPixelCenters }: Resizing): void {
    const { out } = this;
    const cubic = method === "bicubic";
    const attributes = defined({
      axes: { ints: [1, 2] },
      mode: { string: cubic ? "cubic" : "linear" },
      antialias: { int: antialias ? 1 : 0 },
      coordinate_transformation_mode: { string: halfPixelCenters ? "half_pixel" : "asymmetric" },
      cubic_coeff_a: { float: -0.5 },
      exclude_outside: cubic ? { int: 1 } : undefined,
    });
    const resized = out.node("Resize", [this.value, "", "", to], attributes);
    // Without antialiasing the resize is TensorFlow's, which truncates where Pillow rounds.
    const whole = out.node(cubic || antialias ? "Round" : "Floor", [resized]);
    this.value = out.node("Clip", [whole, scalar(out, 0), scalar(out, 255)]);
    this.sides = to;
  }

  /** Computes sides such that the smaller one is `size`. */
  private shortest(size: number, rounding: unknown): string {
    const { out, sides } = this;
    const short = out.node("ReduceMin", [sides, out.whole(0)], { keepdims: { int: 1 } });
    if (rounding === "floor") return out.node("Div", [out.node("Mul", [sides, out.whole(size)]), short]);
    const factor = out.node("Div", [out.doubles(size), out.cast(short, "float64")]);
    return out.cast(out.node("Round", [out.node("Mul", [out.cast(sides, "float64"), factor])]), "int64");
  }

  private centralCrop(height: number, width: number, rounding: unknown): void {
    const { out } = this;
    const size = out.whole(height, width);
    const rest = out.node("Sub", [this.sides, size]);
    const start =
      rounding === "even"
        ? out.cast(out.node("Round", [out.node("Div", [out.cast(rest, "float64"), out.doubles(2)])]), "int64")
        : out.node("Div", [rounding === "ceil" ? out.node("Add", [rest, out.whole(1)]) : rest, out.whole(2)]);
    this.value = out.node("Slice", [this.value, start, out.node("Add", [start, size]), out.whole(1, 2)]);
    this.sides = size;
  }
}

/**
 * Replaces the 8-bit input `image` of a graph by `photo`, from which added nodes compute it according to a preprocessing string. Resizing is
 * ONNX's (from version 18 on), antialiased if the string requests it. The area method becomes an antialiased triangle filter, which `note`
 * reports. Values that our own resize rounds between its two passes are rounded once.
 *
 * Throws ExportError for ops without a counterpart (random ones, corruptions).
 */
export function withPhotoInput(
  graph: OnnxGraph,
  text: string | undefined,
  image: { readonly height: number; readonly width: number; readonly channels: number },
  note: (text: string) => void = () => {},
): OnnxGraph {
  const [pixels] = graph.inputs;
  if (pixels?.type.dtype !== "uint8") throw new ExportError("only a graph that takes 8-bit pixels can take photos");
  const ops = preprocessing(text ?? `decode_resize(${image.height},${image.width},fit=fill)|value_range(-1,1)`);
  const nodes = new PhotoNodes(note);
  for (const op of ops) nodes.apply(op);
  nodes.finish(pixels.name, image.channels);
  const { out } = nodes;
  const photo: NamedType = { name: photoInput, type: { dtype: "uint8", shape: [freeSide, freeHeight, freeWidth, 3] } };
  return {
    ...graph,
    inputs: [photo, ...graph.inputs.slice(1)],
    nodes: [...out.nodes, ...graph.nodes],
    initializers: [...out.initializers, ...graph.initializers],
  };
}

const scalar = (out: Nodes, value: number): string => {
  const name = `photo/number_${value}`;
  if (!out.initializers.some((one) => one.name === name))
    out.initializers.push({ name, type: { dtype: "float32", shape: [] }, bytes: bytesOf(Float32Array.of(value)) });
  return name;
};
