/** What Vision Transformers see through a stem, in float64 as plain loops; from papers.md 3.1 and 10.8, not from src/. */
import { plainResNet } from "./plain-resnet.js";
import { type PlainParameters, type PlainViTConfig, plainViT } from "./plain-vit.js";

export type PlainStem =
  | { readonly kind: "patch" }
  | {
      readonly kind: "resnet";
      readonly blocks: readonly number[];
      readonly widthFactor: number;
      readonly groups: number;
    }
  | {
      readonly kind: "convolutions";
      readonly channels: readonly number[];
      readonly strides: readonly number[];
      readonly groups: number;
    };

type ImageShape = readonly [number, number, number, number];

/** Every intermediate of images [N, H, W, C], the stem's and then the Transformer's, over what the stem gives. */
export function plainHybrid(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  shape: ImageShape,
  config: PlainViTConfig & { readonly stem: PlainStem },
): Record<string, Float64Array> {
  const { stem } = config;
  if (stem.kind === "patch") return plainViT(parameters, images, shape, config);
  const seen =
    stem.kind === "resnet"
      ? throughResNet(parameters, images, shape, stem)
      : throughConvolutions(parameters, images, shape, stem);
  return { ...seen.intermediates, ...plainViT(parameters, seen.map, seen.shape, config) };
}

interface Seen {
  /** [N, h, w, C] */
  readonly map: Float64Array;
  readonly shape: ImageShape;
  readonly intermediates: Record<string, Float64Array>;
}

/** [N, C, h, w] to [N, h, w, C]. */
function channelsLast(x: Float64Array, [n, h, w, c]: ImageShape): Float64Array {
  const y = new Float64Array(x.length);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < c; k++) {
      for (let p = 0; p < h * w; p++) y[(i * h * w + p) * c + k] = x[(i * c + k) * h * w + p]!;
    }
  }
  return y;
}

/** A ResNet-v1 without its head: standardised kernels in flax's form, group norm with epsilon 1e-6. */
function throughResNet(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  shape: ImageShape,
  stem: PlainStem & { readonly kind: "resnet" },
): Seen {
  const found = plainResNet(parameters, images, shape, {
    ...stem,
    version: 1,
    classes: 0,
    groupNormEpsilon: 1e-6,
    weightStandardisation: "flax",
    rootPoolPadding: "none",
    attention: undefined,
  });
  const half = (side: number, times: number): number => (times === 0 ? side : half(Math.ceil(side / 2), times - 1));
  const times = 2 + Math.max(stem.blocks.length - 1, 0);
  const root = Math.floor(64 * stem.widthFactor);
  const channels = stem.blocks.length === 0 ? root : 4 * root * 2 ** (stem.blocks.length - 1);
  const to: ImageShape = [shape[0], half(shape[1], times), half(shape[2], times), channels];
  const intermediates = Object.fromEntries(
    Object.entries(found).filter(([name]) => name === "root" || /unit\d+\/output$/.test(name)),
  );
  return { map: channelsLast(found["features"]!, to), shape: to, intermediates };
}

/** 3x3 convolutions with a row of zeros around, each with group norm (epsilon 1e-5) and ReLU. */
function throughConvolutions(
  parameters: PlainParameters,
  images: ArrayLike<number>,
  shape: ImageShape,
  stem: PlainStem & { readonly kind: "convolutions" },
): Seen {
  const intermediates: Record<string, Float64Array> = {};
  const [n] = shape;
  let [, h, w, c] = shape;
  // [n][c][y][x], as nested functions of the flat values
  let x = Float64Array.from(images);
  let read = (i: number, k: number, y: number, z: number) => x[((i * h + y) * w + z) * c + k]!;
  stem.channels.forEach((outputs, layer) => {
    const stride = stem.strides[layer]!;
    const kernel = parameters[`stem/conv${layer + 1}/kernel`]!;
    const scale = parameters[`stem/norm${layer + 1}/scale`]!;
    const bias = parameters[`stem/norm${layer + 1}/bias`]!;
    const [oh, ow] = [Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1];
    const out = new Float64Array(n * outputs * oh * ow);
    for (let i = 0; i < out.length; i++) {
      const [image, o] = [Math.floor(i / (outputs * oh * ow)), Math.floor(i / (oh * ow)) % outputs];
      const [row, column] = [Math.floor(i / ow) % oh, i % ow];
      for (let k = 0; k < c; k++) {
        for (let a = 0; a < 3; a++) {
          for (let b = 0; b < 3; b++) {
            const [y, z] = [row * stride + a - 1, column * stride + b - 1];
            if (y < 0 || y >= h || z < 0 || z >= w) continue;
            out[i]! += read(image, k, y, z) * kernel[((o * c + k) * 3 + a) * 3 + b]!;
          }
        }
      }
    }
    const size = (outputs / stem.groups) * oh * ow;
    for (let start = 0; start < out.length; start += size) {
      const group = out.subarray(start, start + size);
      const mean = group.reduce((sum, value) => sum + value / size, 0);
      const variance = group.reduce((sum, value) => sum + (value - mean) ** 2 / size, 0);
      group.forEach((value, i) => {
        const o = Math.floor((start + i) / (oh * ow)) % outputs;
        group[i] = Math.max(((value - mean) / Math.sqrt(variance + 1e-5)) * scale[o]! + bias[o]!, 0);
      });
    }
    intermediates[`stem/conv${layer + 1}/output`] = out.slice();
    x = out;
    [h, w, c] = [oh, ow, outputs];
    const [height, width, count, values] = [h, w, c, out];
    read = (i, k, y, z) => values[((i * count + k) * height + y) * width + z]!;
  });
  const to: ImageShape = [n, h, w, c];
  return { map: channelsLast(x, to), shape: to, intermediates };
}
