/** Derives the evaluation preprocessing of a trained network, for images of any source, from its training recipe. */
import { describePreprocessing, type Preprocessing, type PreprocessingOp, preprocessing } from "../../images/index.js";
import { defaultPreprocessing } from "../../weights/index.js";

/**
 * The preprocessing, in its string form, that produces images of a trained network's size and channels from any source.
 * It is that of evaluation or, without one, that of (the first part of) training without its random ops:
 *
 * - `flip_lr` is removed, and so is an `inception_crop` without a size;
 * - `random_crop(h,w)` becomes `central_crop(h,w)`;
 * - `inception_crop(s)` becomes `resize_small(256/224 s)|central_crop(s)`, its usual counterpart in evaluation
 *   (papers.md 5.6);
 * - `patch_grid` takes the patches in the centres of their cells, and `views` becomes one view, by the same rules;
 * - other random ops are removed.
 *
 * It is then adapted to any image:
 *
 * - ops on labels (`onehot`, `keep`) are removed, because the source has other classes;
 * - `decode` is prepended if it is missing;
 * - if the size of the image is not fixed, `decode` becomes `decode_resize`, which covers the model's size, crops the
 *   centre and leaves an image of that size unchanged; if only the smaller side is fixed, `central_crop` is added;
 * - `to_rgb` or `grey` is added if the channels may differ from the model's.
 *
 * If a stack of views, branches or patches does not have the model's input shape, the network was trained on its
 * elements one by one. The image itself, without cropping or stacking, is then resized to the model's size.
 *
 * Throws RangeError for a model with other than 1 or 3 channels.
 */
export function evaluationPreprocessing(
  { training, evaluation }: { readonly training: string; readonly evaluation?: string | undefined },
  [height, width, channels]: readonly [number, number, number],
): string {
  const ops = evaluation === undefined ? withoutRandomOps(preprocessing(training)) : preprocessing(evaluation);
  return describePreprocessing(fitted(ops, height, width, channels));
}

/**
 * Adapts a preprocessing in its string form to images of any source, as `evaluationPreprocessing` does with a recipe's;
 * for weights that state their training preprocessing. Default: the preprocessing of published weights.
 */
export function fittedPreprocessing(
  given: string | undefined,
  [height, width, channels]: readonly [number, number, number],
): string {
  const ops = preprocessing(given ?? defaultPreprocessing({ height, width }));
  return describePreprocessing(fitted(ops, height, width, channels));
}

/** 256 to 224 pixels: the ratio of the resized image to the crop in evaluation (papers.md 5.6). */
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

/** The properties that every image has after an op, whatever the input. */
interface Known {
  readonly height?: number;
  readonly width?: number;
  /** The smaller side, if only that is known. */
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
    throw new RangeError(
      `the model takes images of ${channels} channels; expected 1 (grey) or 3 (colour), as image files have`,
    );
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

/**
 * Inserts an op before a trailing `value_range` or `standardise`, so that it works on 8-bit pixels; at the end if there
 * is none.
 */
function beforeScaling(ops: Preprocessing, text: string): Preprocessing {
  const last = ops.at(-1)?.name;
  const at = last === "value_range" || last === "standardise" ? ops.length - 1 : ops.length;
  return [...ops.slice(0, at), ...preprocessing(text), ...ops.slice(at)];
}
