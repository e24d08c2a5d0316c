/** Describes a model by settings, as in recipes and checkpoints: a family or a published variant, and changes to it. */
import { type MixerConfig, mixerDefaults } from "./mixer.js";
import { type MobileNetConfig, mobilenetDefaults } from "./mobilenet/index.js";
import type { ModelConfig, PublishedConfig } from "./model.js";
import { parseModelName } from "./registry.js";
import { type ResNetConfig, resnetDefaults } from "./resnet.js";
import { type ViTConfig, vitDefaults } from "./vit.js";

/** Settings of a model; `name` is its family, and other settings belong to the family's configuration. */
export type ModelSettings = {
  readonly name: ModelConfig["family"];
  /** A published variant such as "S/16"; other settings override its values. */
  readonly variant?: string | undefined;
  /** Side of the images in pixels, or [height, width]. */
  readonly imageSize: number | readonly [number, number];
  readonly channels: number;
  readonly width?: number | undefined;
} & Readonly<Record<string, unknown>>;

/** Configuration of the model for a number of classes. Throws RangeError if the variant is unknown or of another family. */
export function modelConfig(model: ModelSettings, classes: number): ModelConfig {
  const { name, variant, imageSize: _, channels: __, ...rest } = model;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  if (name === "custom")
    return { family: name, headBiasInit: 0, rematerialise: false, ...given, classes } as ModelConfig;
  const start = variant === undefined ? described(name, given) : named(name, variant);
  return { ...start, ...given, classes } as ModelConfig;
}

function named(family: PublishedConfig["family"], variant: string): ModelConfig {
  const config = parseModelName(variant);
  if (config.family !== family) {
    throw new RangeError(
      `"${variant}" is a model of the family ${config.family}, not ${family}; set model.name to "${config.family}"`,
    );
  }
  return config;
}

/** Defaults of a model without a variant; the given settings override them. */
function described(family: PublishedConfig["family"], given: { readonly width?: number }): Partial<PublishedConfig> {
  const width = given.width ?? 0;
  const defaults = {
    vit: { ...vitDefaults, mlpDim: 4 * width } satisfies Partial<ViTConfig>,
    resnet: resnetDefaults satisfies Partial<ResNetConfig>,
    mobilenet: mobilenetDefaults satisfies Partial<MobileNetConfig>,
    mixer: {
      ...mixerDefaults,
      tokensMlpDim: Math.max(1, Math.floor(width / 2)),
      channelsMlpDim: 4 * width,
    } satisfies Partial<MixerConfig>,
  };
  return { family, ...defaults[family] } as Partial<PublishedConfig>;
}

/** Shape [height, width, channels] of the images. */
export function imageShape({
  imageSize,
  channels,
}: Pick<ModelSettings, "imageSize" | "channels">): readonly [number, number, number] {
  return typeof imageSize === "number" ? [imageSize, imageSize, channels] : [...imageSize, channels];
}
