/** Time, FLOPs, parameters and bytes of activations by layer. */
import {
  costByPart,
  type GraphPart,
  input,
  inputName,
  type NumericArray,
  type PartCost,
  reachable,
  reshape,
  slice,
  substituted,
  type Tensor,
} from "../../graph/index.js";
import { model } from "../../models/index.js";
import { restoredState } from "../../networks/index.js";
import { Scope } from "../../nn/index.js";
import { barTable } from "../../report/index.js";
import { compile, type Program, type ProgramFunction } from "../../runtime/index.js";
import { formatBytes, formatCount, percent } from "../../text/format.js";
import type { Analysis } from "../framework/analysis.js";
import { forwardLayers } from "../framework/forward-layers.js";
import type { Subject } from "../framework/subject.js";

/** The counted cost of a layer for one image, and its measured time. */
export interface LayerCost extends PartCost {
  /** Seconds of the layer alone: the fastest of several runs, which other work of the machine disturbed least. */
  readonly seconds: number;
}

/** A network traced for one image. */
interface TracedNetwork {
  readonly image: Tensor;
  readonly parameters: readonly Tensor[];
  /** The layers that compute something; the last one ends with the logits, or with the features. */
  readonly parts: readonly GraphPart[];
}

const secondsToMeasure = 2;
const rounds = { fewest: 5, most: 30 };

/** The layers of a network as parts of its graph. */
export function layerParts({
  config,
  imageShape,
  intermediates,
}: Pick<Subject, "config" | "imageShape" | "intermediates">): TracedNetwork {
  const image = input("image", "float32", [1, ...imageShape]);
  const scope = Scope.root();
  const output = model(scope, image, config);
  const recorded: Readonly<Record<string, Tensor | undefined>> = {
    ...output.intermediates,
    preLogits: output.preLogits,
    logits: output.logits,
  };
  const seen = new Set<Tensor>();
  const parts = forwardLayers({ intermediates }).flatMap(({ name, label }): GraphPart[] => {
    const end = recorded[name];
    if (!end || seen.has(end)) return [];
    seen.add(end);
    return [{ name: label, end }];
  });
  return { image, parameters: scope.parameters.map(({ tensor }) => tensor), parts };
}

/** Names under which the end of a part is passed to the parts after it. */
const inputOf = (part: number): string => `layer${part}`;

/**
 * A function for each layer that computes it from the ends of the layers before, as separate inputs. It returns one number, so that its time
 * is that of the layer and not that of copying its output.
 */
export function layerFunctions({ image, parts }: TracedNetwork): readonly ProgramFunction[] {
  const places = parts.map(({ end }, i) => input(inputOf(i), end.dtype, end.shape));
  return parts.map(({ end }, i) => {
    const before = new Map(parts.slice(0, i).map((part, j) => [part.end, places[j] as Tensor]));
    const [own] = substituted([end], before);
    const leaves = new Set(reachable([own as Tensor]).flatMap(({ outputs }) => outputs));
    return {
      inputs: [image, ...places].filter((place) => leaves.has(place)),
      outputs: { first: firstNumber(own as Tensor) },
    };
  });
}

const firstNumber = (tensor: Tensor): Tensor => slice(reshape(tensor, [-1]), [0], [1]);

/** Values of the ends of all parts for one image. */
async function endsOf(program: Program, parts: readonly GraphPart[], image: Float32Array) {
  const found = await program.run("ends", { image });
  return Object.fromEntries(parts.map((_, i) => [inputOf(i), Float32Array.from(found[`end${i}`] as Float32Array)]));
}

/**
 * Fastest seconds of each layer, and of the whole network in the same rounds, on one thread: for a single small layer, waking up the other
 * threads takes longer than its work, so that the sum over layers would be several times the time of the network.
 */
async function measure(subject: Subject, traced: TracedNetwork) {
  const { image, parameters, parts } = traced;
  const functions = layerFunctions(traced);
  const whole = { inputs: [image], outputs: { first: firstNumber(parts.at(-1)?.end as Tensor) } };
  const ends = { inputs: [image], outputs: Object.fromEntries(parts.map(({ end }, i) => [`end${i}`, end])) };
  const all: Record<string, ProgramFunction> = Object.fromEntries(functions.map((one, i) => [inputOf(i), one]));
  await using program = await compile(
    { state: parameters, functions: Object.assign(all, { whole, ends }) },
    { threads: 1, inThread: true },
  );
  const wanted = parameters.map((tensor) => ({ name: inputName(tensor) ?? "", shape: tensor.shape }));
  await program.writeState(restoredState(wanted, subject.network));
  const pixels = subject.images.data.slice(
    0,
    image.shape.reduce((product, side) => product * side, 1),
  );
  const values: Record<string, NumericArray> = { ...(await endsOf(program, parts, pixels)), image: pixels };
  const feedsOf = ({ inputs }: ProgramFunction) =>
    Object.fromEntries(inputs.map((one) => [inputName(one) ?? "", values[inputName(one) ?? ""] as NumericArray]));
  const runs = [
    ...functions.map((one, i) => ({ name: inputOf(i), feeds: feedsOf(one) })),
    { name: "whole", feeds: { image: pixels } },
  ];
  const seconds: number[][] = runs.map(() => []);
  const started = performance.now();
  // the first round warms up
  for (let round = -1; round < rounds.most; round++) {
    if (round >= rounds.fewest && performance.now() - started > 1000 * secondsToMeasure) break;
    for (const [i, { name, feeds }] of runs.entries()) {
      const at = performance.now();
      await program.run(name, feeds, { transfer: true });
      if (round >= 0) seconds[i]?.push((performance.now() - at) / 1000);
    }
  }
  const fastest = seconds.map((all) => all.reduce((least, one) => Math.min(least, one)));
  return {
    layers: fastest.slice(0, -1),
    whole: fastest.at(-1) ?? 0,
    rounds: seconds[0]?.length ?? 0,
  };
}

const milliseconds = (seconds: number): string => `${(1000 * seconds).toFixed(seconds < 0.0995 ? 2 : 0)} ms`;

/** The layers with the largest share of a cost, as text: "block 3 (21 %)". */
function largestOf(layers: readonly LayerCost[], of: (layer: LayerCost) => number): string {
  const total = layers.reduce((sum, layer) => sum + of(layer), 0);
  const first = layers.reduce((most, layer) => (of(layer) > of(most) ? layer : most));
  return `"${first.name}" (${percent(of(first) / total, 0)})`;
}

export const layerCost: Analysis = {
  name: "layer-cost",
  title: "Cost by layer",
  summary: "Time, FLOPs, parameters and bytes of activations of each layer for one image",
  unavailable: () => undefined,
  async run(subject) {
    const traced = layerParts(subject);
    const counted = costByPart(traced.parts, traced.image, traced.parameters);
    const time = await measure(subject, traced);
    const layers: LayerCost[] = counted.map((part, i) => ({ ...part, seconds: time.layers[i] ?? 0 }));
    const total = (of: (layer: LayerCost) => number) => layers.reduce((sum, layer) => sum + of(layer), 0);
    const [flops, parameters, bytes, seconds] = [
      total((one) => one.flops),
      total((one) => one.parameters),
      total((one) => one.activationBytes),
      total((one) => one.seconds),
    ];
    const speed = `${formatCount(flops / time.whole)}FLOP/s`;
    return {
      text: `One image takes ${milliseconds(time.whole)} on one thread (${speed}), the layers one by one ${milliseconds(seconds)}. Most time is in ${largestOf(layers, (one) => one.seconds)}, most FLOPs in ${largestOf(layers, (one) => one.flops)}, most parameters in ${largestOf(layers, (one) => one.parameters)}.`,
      data: {
        image: subject.imageShape,
        layers,
        total: { flops, parameters, activationBytes: bytes, seconds },
        wholeSeconds: time.whole,
        rounds: time.rounds,
        threads: 1,
      },
      charts: [
        {
          title: "Cost of each layer for one image",
          caption: `FLOPs (two for each multiply-add of matrix products and convolutions), parameters and bytes of activations are counted on the graph, and their totals are those of the network. A layer's time is the fastest of ${time.rounds} runs of the layer alone on one thread, on the values that the image has there; the whole network, in the same rounds, takes ${milliseconds(time.whole)}. Activations are all values that the layer computes, not only its output.`,
          draw: (width) =>
            barTable({
              width,
              description: "Time, FLOPs, parameters and bytes of activations of each layer for one image.",
              rows: layers.map(({ name }) => name),
              totalName: "sum",
              columns: [
                {
                  title: "time",
                  values: layers.map((one) => one.seconds),
                  format: milliseconds,
                  total: milliseconds(seconds),
                },
                {
                  title: "FLOPs",
                  values: layers.map((one) => one.flops),
                  format: formatCount,
                  total: formatCount(flops),
                },
                {
                  title: "parameters",
                  values: layers.map((one) => one.parameters),
                  format: formatCount,
                  total: formatCount(parameters),
                },
                {
                  title: "activations",
                  values: layers.map((one) => one.activationBytes),
                  format: formatBytes,
                  total: formatBytes(bytes),
                },
              ],
            }),
        },
      ],
    };
  },
};
