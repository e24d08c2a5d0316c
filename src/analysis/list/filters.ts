/** Principal components of the filters of the first layer (Dosovitskiy et al., 2021; papers.md 9.3). */
import type { Features } from "../../algebra/features.js";
import { input, type WeightStandardisation, weightStandardise } from "../../graph/index.js";
import type { PublishedConfig } from "../../models/index.js";
import { contactSheet, lineChart, percent, pixelUri } from "../../report/index.js";
import { evaluate } from "../../runtime/index.js";
import type { Analysis } from "../framework/analysis.js";
import { principalComponents } from "../framework/principal-components.js";
import type { Subject, Traced } from "../framework/subject.js";

/** The layer that reads the image. */
export interface FirstLayer {
  readonly title: string;
  /** Name of its kernel. */
  readonly kernel: string;
  /** Order of the kernel's axes: those of a patch embedding or of a convolution. */
  readonly layout: "height, width, channels, filters" | "filters, channels, height, width";
  /** How the network standardises the kernel before it is used. */
  readonly standardisation: WeightStandardisation | "none";
}

/** Filters in rows: pixels row by row, the channels of a pixel together. */
export interface FilterRows {
  /** [filters, height * width * channels] */
  readonly rows: Features<Float32Array>;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Number of components that the paper shows (papers.md 9.3). */
const shownComponents = 28;

/** The layer of a network that reads the image. */
export function firstLayer(config: PublishedConfig): FirstLayer {
  const patches = { layout: "height, width, channels, filters", standardisation: "none" } as const;
  const root = {
    title: "first convolution",
    kernel: "conv_root/kernel",
    layout: "filters, channels, height, width",
  } as const;
  if (config.family === "mixer") return { title: "patch embedding", kernel: "stem/kernel", ...patches };
  if (config.family === "mobilenet") return { ...root, kernel: "stem/kernel", standardisation: "none" };
  if (config.family === "resnet") return { ...root, standardisation: config.weightStandardisation };
  switch (config.stem.kind) {
    case "patch":
      return { title: "patch embedding", kernel: "embedding/kernel", ...patches };
    case "resnet":
      return { ...root, standardisation: "flax" };
    case "convolutions":
      return { ...root, kernel: "stem/conv1/kernel", standardisation: "none" };
  }
}

/** Reorders a kernel into rows. Throws an Error for a kernel that does not have four axes. */
export function filterRows({ data, shape }: Traced, layout: FirstLayer["layout"]): FilterRows {
  if (shape.length !== 4) throw new Error(`a kernel has four axes (${layout}), given [${shape.join(", ")}]`);
  const last = layout === "height, width, channels, filters";
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  const [height, width, channels, filters] = last ? [a, b, c, d] : [c, d, b, a];
  const columns = height * width * channels;
  const rows = new Float32Array(filters * columns);
  for (let f = 0; f < filters; f++) {
    for (let at = 0; at < columns; at++) {
      const position = Math.floor(at / channels);
      const from = last ? at * filters + f : (f * channels + (at % channels)) * height * width + position;
      rows[f * columns + at] = data[from] ?? 0;
    }
  }
  return { rows: { data: rows, rows: filters, columns }, height, width, channels };
}

/** Values as bytes, with the smallest as 0 and the largest as 255; all 128 if they are equal. */
export function minMaxScaled(values: ArrayLike<number>): Uint8Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i] ?? 0);
    high = Math.max(high, values[i] ?? 0);
  }
  const scale = (value: number) => (high > low ? Math.round((255 * (value - low)) / (high - low)) : 128);
  return Uint8Array.from({ length: values.length }, (_, i) => scale(values[i] ?? 0));
}

/** The kernel as the network uses it. */
async function kernelOf(subject: Subject, { kernel, standardisation }: FirstLayer): Promise<Traced> {
  const { data, shape } = subject.parameter(kernel);
  if (standardisation === "none") return { data, shape };
  const value = weightStandardise(input("kernel", "float32", shape), standardisation);
  const found = await evaluate({ value }, { kernel: data });
  return { data: found["value"] as Float32Array, shape };
}

const shownChannels = (channels: number): channels is 1 | 3 => channels === 1 || channels === 3;

const unknownLayer = "which layer of a user-defined model reads the image is not known";

export const filters: Analysis = {
  name: "filters",
  title: "Filters of the first layer",
  summary: "Principal components of the patch embedding or of the first convolution, as pictures (papers.md 9.3)",
  unavailable: ({ config, imageShape: [, , channels] }) => {
    if (config.family === "custom") return unknownLayer;
    return shownChannels(channels)
      ? undefined
      : `images of ${channels} channels cannot be shown as pictures; expected 1 or 3`;
  },
  async run(subject) {
    if (subject.config.family === "custom") throw new RangeError(unknownLayer);
    const layer = firstLayer(subject.config);
    const { rows, height, width, channels } = filterRows(await kernelOf(subject, layer), layer.layout);
    const { threads } = subject;
    const { components, explained } = await principalComponents(rows, rows.columns, { threads });
    const shown = explained.slice(0, shownComponents);
    const pictures = shown.map((share, c) => {
      const data = minMaxScaled(components.data.subarray(c * rows.columns, (c + 1) * rows.columns));
      const source = pixelUri({ data, height, width, channels: channels === 1 ? 1 : 3 });
      const caption = percent(share);
      return { source, alt: `component ${c + 1}: ${caption} of the variance`, caption };
    });
    const sums: number[] = [];
    for (const share of explained) sums.push((sums.at(-1) ?? 0) + share);
    const half = sums.findIndex((sum) => sum >= 0.5) + 1;
    const count = `${rows.rows} filters of ${height} x ${width} pixels`;
    return {
      text: `The ${layer.title} has ${count}. Its first ${shown.length} principal components hold ${percent(sums[shown.length - 1] ?? 0)} of the variance; half of it is in the first ${half}.`,
      data: {
        kernel: layer.kernel,
        standardisation: layer.standardisation,
        filters: rows.rows,
        height,
        width,
        channels,
        explained,
        components: shown.map((_, c) => components.data.slice(c * rows.columns, (c + 1) * rows.columns)),
      },
      charts: [
        {
          title: `First ${shown.length} principal components`,
          caption:
            "Each picture is a direction of the space of filters, scaled to its own minimum and maximum, with its share of the variance. Trained networks have smooth components: first brightness and colour, then edges and waves of rising frequency. Those of an untrained network look like noise.",
          draw: (total) =>
            contactSheet({
              width: total,
              description: `The first ${shown.length} principal components of ${count}.`,
              pictures,
              columns: total < 500 ? 5 : 10,
              cell: 80,
              pixelated: true,
            }),
        },
        {
          title: "Explained variance",
          caption:
            "Share of the variance in the first components together: the faster it rises, the fewer directions the filters use.",
          draw: (total) =>
            lineChart({
              width: total,
              description: "Cumulative explained variance of the principal components of the first layer's filters.",
              series: [{ name: "explained variance", points: sums.map((y, i) => ({ x: i + 1, y })), markers: false }],
              x: { label: "components" },
              y: { label: "share of the variance", format: "percent", include: [0, 1] },
            }),
        },
      ],
    };
  },
};
