/** The published MLP-Mixers (papers.md 3.2), and a parser of names such as "Mixer-B/16". */
import { type MixerConfig, mixerDefaults } from "./mixer.js";

export interface MixerShape {
  readonly width: number;
  readonly depth: number;
  readonly tokensMlpDim: number;
  readonly channelsMlpDim: number;
}

const shape = (width: number, depth: number, tokensMlpDim: number, channelsMlpDim: number): MixerShape => ({
  width,
  depth,
  tokensMlpDim,
  channelsMlpDim,
});

export const mixerVariants: Readonly<Record<string, MixerShape>> = {
  S: shape(512, 8, 256, 2048),
  B: shape(768, 12, 384, 3072),
  L: shape(1024, 24, 512, 4096),
  H: shape(1280, 32, 640, 5120),
};

/** The seven published Mixers. */
export const publishedMixers: readonly string[] = [
  "Mixer-S/32",
  "Mixer-S/16",
  "Mixer-B/32",
  "Mixer-B/16",
  "Mixer-L/32",
  "Mixer-L/16",
  "Mixer-H/14",
];

/** Configuration of a name such as "Mixer-B/16" with any patch size, with the given changes. Throws RangeError. */
export function mixerConfig(variant: string, changes: Partial<MixerConfig> = {}): MixerConfig {
  const [, name = "", patch] = /^Mixer-([A-Z])\/([1-9]\d*)$/.exec(variant) ?? [];
  const found = Object.hasOwn(mixerVariants, name) ? mixerVariants[name] : undefined;
  if (!found) {
    throw new RangeError(
      `unknown MLP-Mixer "${variant}"; write Mixer-NAME/PATCH, e.g. "Mixer-B/16", with one of ${Object.keys(mixerVariants).join(", ")}`,
    );
  }
  return { ...mixerDefaults, ...found, patchSize: Number(patch), ...changes };
}
