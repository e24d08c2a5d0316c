/** The evaluation preprocessing of a trained network for images of any source, from the recipe it was trained with. */
import { describePreprocessing, type Preprocessing, type PreprocessingOp, preprocessing } from "../../images/index.js";
import { defaultPreprocessing } from "../../weights/index.js";

/**
 * The preprocessing in its string form that gives a trained network images of its own size and channels, whatever the
 * source. It is that of evaluation, or else that of (the first part of) training without its
 * random ops:
 *
 * - `flip_lr` is left out, and an `inception_crop` without a size too;
 * - `random_crop(h,w)` becomes `central_crop(h,w)`;
 * - `inception_crop(s)` becomes `resize_small(256/224 s)|central_crop(s)`, the evaluation that goes with it (papers.md 5.6);
 * - `patch_grid` takes the patches in the middle of their cells, and `views` becomes one view, by these same rules;
 * - other random ops are left out.
 *
 * Then it is made to fit any image:
 *
 * - ops on labels (`onehot`, `keep`) are left out, because the classes of the source are others;
 * - without `decode`, it is put first;
 * - where it does not fix the size of the image, `decode` becomes `decode_resize`, which covers the model's size, cuts the
 *   middle out and leaves an image of that size as it is; where it fixes the smaller side, `central_crop` is added;
 * - `to_rgb` or `grey` is added where the channels may not be the model's.
 *
 * Where a stack of views, branches or patches is not what fits the model, the network was trained on its elements one by one: the image itself, without
 * cropping or doubling, is resized to the model's size.
 *
 * Throws RangeError for a model of other than 1 or 3 channels.
 */
export function evaluationPreprocessing(
  { training, evaluation }: { readonly training: string; readonly evaluation?: string | undefined },
  [height, width, channels]: readonly [number, number, number],
): string {
  const ops = evaluation === undefined ? withoutRandomOps(preprocessing(training)) : preprocessing(evaluation);
  return describePreprocessing(fitted(ops, height, width, channels));
}

/**
 * A preprocessing in its string form made to fit images of any source, as `evaluationPreprocessing` makes a recipe's; for
 * weights that say how they were trained. Default: the preprocessing of published weights.
 */
export function fittedPreprocessing(
  given: string | undefined,
  [height, width, channels]: readonly [number, number, number],
): string {
  const ops = preprocessing(given ?? defaultPreprocessing({ height, width }));
  return describePreprocessing(fitted(ops, height, width, channels));
}

/** 256 to 224 pixels: how much larger the image is than what is cut out of it in evaluation (papers.md 5.6). */
const evaluationMargin = 256 / 224;

function withoutRandomOps(pipeline: Preprocessing): Preprocessing {
  return pipeline.flatMap((op) => (op.random ? deterministic(op) : [op]));
}

function deterministic(op: PreprocessingOp): Preprocessing {
  const { size, width } = op.args;
  if (op.name === "random_crop") return preprocessing(`central_crop(${size}${width ? `,${width}` : ""})`);
  if (op.name === "inception_crop" && typeof size === "number") {
    return preprocessing(`resize_small(${Math.round(size * evaluationMargin)})|central_crop(${size})`);
  }
  if (op.name === "patch_grid") {
    const { cells, cell, patch } = op.args;
    return preprocessing(`patch_grid(${cells},${cell},${patch},place=centre)`);
  }
  if (op.name === "views") return withoutRandomOps(preprocessing(op.args["ops"] as string));
  return [];
}

/** A pipeline without ops that stack views: one view, the first branch, and the image that patches are cut from. */
function unstacked(pipeline: Preprocessing): Preprocessing {
  return pipeline.flatMap((op) => {
    if (op.name === "patch_grid") return [];
    if (op.name === "standardise") return preprocessing("standardise");
    const inner = op.name === "views" ? op.args["ops"] : op.name === "branches" ? op.args["first"] : undefined;
    return inner === undefined ? [op] : unstacked(withoutRandomOps(preprocessing(inner as string)));
  });
}

/** What is known of every image after an op, whatever came in. */
interface Known {
  readonly height?: number;
  readonly width?: number;
  /** The smaller side, where only that is known. */
  readonly smaller?: number;
  readonly channels?: number;
}

function after(known: Known, { name, args }: PreprocessingOp): Known {
  const { channels } = known;
  const kept = channels === undefined ? {} : { channels };
  const size = args["size"];
  const sized = () => ({ height: size as number, width: (args["width"] ?? size) as number });
  switch (name) {
    case "decode":
      return args["channels"] === 0 ? {} : { channels: args["channels"] as number };
    case "decode_resize":
      return { ...sized(), channels: args["channels"] as number };
    case "resize":
    case "random_crop":
      return { ...kept, ...sized() };
    case "inception_crop":
    case "central_crop":
      return size === null ? kept : { ...kept, ...sized() };
    case "resize_small":
      return known.height !== undefined && known.height === known.width
        ? { ...kept, height: size as number, width: size as number }
        : { ...kept, smaller: size as number };
    case "patch_grid": {
      const [cells, patch] = [args["cells"] as number, args["patch"] as number];
      return { ...kept, height: cells * cells * patch, width: patch };
    }
    case "rotate90": {
      if ((args["k"] as number) % 2 === 0 || known.height === undefined || known.width === undefined) return known;
      return { ...known, height: known.width, width: known.height };
    }
    case "views":
    case "branches": {
      const [ops, count] = name === "views" ? [args["ops"], args["count"] as number] : [args["first"], 2];
      const { smaller: _, ...inner } = preprocessing(ops as string).reduce(after, known);
      return inner.height === undefined ? inner : { ...inner, height: inner.height * count };
    }
    case "to_rgb":
      return { ...known, channels: 3 };
    case "grey":
      return { ...known, channels: 1 };
    default:
      return known;
  }
}

function fitted(given: Preprocessing, height: number, width: number, channels: number): Preprocessing {
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(`the model takes images of ${channels} channels; files of images give 1 (grey) or 3 (colour)`);
  }
  const decodes = (op: PreprocessingOp) => op.name === "decode" || op.name === "decode_resize";
  const whole = given.filter((op) => op.changesImage);
  const stack = whole.some(({ name }) => name === "patch_grid" || name === "views" || name === "branches");
  const made = whole.reduce(after, {});
  const pixels = stack && !(made.height === height && made.width === width) ? unstacked(whole) : whole;
  let ops: Preprocessing = pixels.some(decodes) ? pixels : [...preprocessing("decode(0)"), ...pixels];
  let known = ops.reduce(after, {});
  if ((known.height === undefined || known.width === undefined) && known.smaller === undefined) {
    ops = ops.flatMap((op) => (op.name === "decode" ? decodedTo(op, height, width, channels) : [op]));
    known = ops.reduce(after, {});
  }
  if (known.height !== height || known.width !== width) {
    const cut = known.smaller !== undefined && known.smaller >= Math.max(height, width);
    ops = beforeScaling(ops, `${cut ? "central_crop" : "resize"}(${sides(height, width)})`);
  }
  if (known.channels !== channels) ops = beforeScaling(ops, channels === 3 ? "to_rgb" : "grey");
  return ops;
}

function decodedTo({ args }: PreprocessingOp, height: number, width: number, channels: number): Preprocessing {
  const wanted = args["channels"] === 0 ? channels : args["channels"];
  return preprocessing(`decode_resize(${sides(height, width)},channels=${wanted})`);
}

const sides = (height: number, width: number): string => (height === width ? `${height}` : `${height},${width}`);

/** Puts an op before a `value_range` or `standardise` that comes last, so that it works on 8-bit pixels; at the end without one. */
function beforeScaling(ops: Preprocessing, text: string): Preprocessing {
  const last = ops.at(-1)?.name;
  const at = last === "value_range" || last === "standardise" ? ops.length - 1 : ops.length;
  return [...ops.slice(0, at), ...preprocessing(text), ...ops.slice(at)];
}
