/** Short names of modern backbones of the Hugging Face hub, with what they cost and what was published about them. */
import { existsSync } from "node:fs";
import { splitSpec } from "../spec.js";

export interface HubBackbone {
  /** The short name: `dinov2-small`. */
  readonly name: string;
  /** What it stands for, with the options it needs. */
  readonly spec: string;
  /** Millions of parameters of the network of images (timm's tables of results). */
  readonly millions: number;
  /** Megabytes to download, as the pages of the hub state them; about, where the page was not seen. */
  readonly megabytes: number;
  readonly licence: string;
  /** Published accuracy, with its measure. */
  readonly published: string;
  /** The model can be downloaded only after its terms were accepted. */
  readonly gated?: boolean;
}

const dinov3Terms = "DINOv3 licence";

/**
 * Every short name. The figures are those of the models' own pages and papers: DINOv2 and DINOv3 (facebookresearch/dinov2, dinov3, README), SigLIP 2
 * (big_vision, README_siglip2), MobileCLIP (apple/ml-mobileclip, README).
 */
export const hubBackbones: readonly HubBackbone[] = [
  {
    name: "dinov2-small",
    spec: "hf:facebook/dinov2-small",
    millions: 22.06,
    megabytes: 88,
    licence: "Apache-2.0",
    published: "ImageNet, nearest neighbours 79.0 %, linear 81.1 %",
  },
  {
    name: "dinov2-base",
    spec: "hf:facebook/dinov2-base",
    millions: 86.58,
    megabytes: 347,
    licence: "Apache-2.0",
    published: "ImageNet, nearest neighbours 82.1 %, linear 84.5 %",
  },
  {
    name: "dinov2-small-int8",
    spec: "hf:onnx-community/dinov2-small?dtype=q8",
    millions: 22.06,
    megabytes: 24.5,
    licence: "Apache-2.0",
    published: "as dinov2-small before quantisation",
  },
  {
    name: "dinov2-small-registers",
    spec: "hf:facebook/dinov2-with-registers-small",
    millions: 22.06,
    megabytes: 88,
    licence: "Apache-2.0",
    published: "ImageNet, nearest neighbours 79.1 %, linear 80.9 %",
  },
  {
    name: "dinov3-small",
    spec: "hf:facebook/dinov3-vits16-pretrain-lvd1689m",
    millions: 21.59,
    megabytes: 86,
    licence: dinov3Terms,
    published: "ImageNet-ReaL, linear 87.0 %; ImageNet-R 60.4 %, ObjectNet 50.9 %",
    gated: true,
  },
  {
    name: "dinov3-base",
    spec: "hf:facebook/dinov3-vitb16-pretrain-lvd1689m",
    millions: 85.64,
    megabytes: 343,
    licence: dinov3Terms,
    published: "ImageNet-ReaL, linear 89.3 %; ImageNet-R 76.7 %, ObjectNet 64.1 %",
    gated: true,
  },
  {
    name: "siglip2-base",
    spec: "hf:onnx-community/siglip2-base-patch16-256-ONNX?dtype=fp16",
    millions: 92.9,
    megabytes: 186,
    licence: "Apache-2.0",
    published: "ImageNet, zero-shot 79.1 %",
  },
  {
    name: "mobileclip-s1",
    spec: "hf:Xenova/mobileclip_s1?dtype=fp16",
    millions: 21.5,
    megabytes: 43.2,
    licence: "Apple's terms for research models",
    published: "ImageNet, zero-shot 72.6 %",
  },
];

/** The spec with what a short name stands for in its place, and the options of both; unchanged for any other spec, and where a file or folder has the name. */
export function withoutShortName(spec: string): string {
  const { name } = splitSpec(spec);
  const found = hubBackbones.find((one) => one.name === name);
  if (!found || existsSync(name)) return spec;
  const options = spec.slice(name.length + 1);
  if (options === "") return found.spec;
  return `${found.spec}${found.spec.includes("?") ? "&" : "?"}${options}`;
}
