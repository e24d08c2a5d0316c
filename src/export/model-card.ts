/** Writes the README of an exported folder: a description of the network, its use and its origin. */
import { elementCount } from "../graph/index.js";
import type { Weights } from "../weights/index.js";

export interface CardContents {
  readonly title: string;
  readonly layout: "huggingface" | "fovea";
  readonly variants: readonly { readonly format: string; readonly file: string; readonly dtype: string }[];
  readonly hasHead: boolean;
  readonly notes: readonly string[];
}

/**
 * Lines of a card about images that are larger than the network's input; empty if the network's own resize does not antialias. Measured: of 186
 * photographs of clothes at 480 x 640 pixels, classified by ridge regression on `embedded:bit`, transformers.js and Fovea agree on 176.
 */
export function resizingLines(height: number, width: number, preprocessing: string | undefined): string[] {
  // TensorFlow's bilinear resize does not antialias either.
  if (preprocessing !== undefined && !/decode_resize|resize_small|antialias=true/.test(preprocessing)) return [];
  return [
    "",
    "## Larger images",
    "",
    `transformers.js makes images smaller without antialiasing, and the network was trained on antialiased ones${preprocessing === undefined ? "" : ` (\`${preprocessing}\`)`}: of photographs, about one in twenty gets another answer. Bring images to ${height} x ${width} pixels with a resize that antialiases (sharp, Pillow) before they are given to it.`,
  ];
}

/** Writes a model card in Markdown, with the header that the Hub expects. */
export function modelCard({ config, image, tensors, metadata }: Weights, contents: CardContents): string {
  const { title, layout, variants, hasHead, notes } = contents;
  const task = hasHead ? "image-classification" : "image-feature-extraction";
  const count = [...tensors.values()].reduce((total, { shape }) => total + elementCount(shape), 0);
  const header = [
    "---",
    "library_name: transformers.js",
    `pipeline_tag: ${task}`,
    ...(metadata.licence !== undefined ? [`license: ${JSON.stringify(metadata.licence.toLowerCase())}`] : []),
    "tags: [vision, onnx, fovea]",
    "---",
  ];
  const facts = [
    `- family: ${config.family}; ${count.toLocaleString("en")} parameters`,
    `- images: ${image.height} x ${image.width} pixels, ${image.channels === 1 ? "grey (made of colour inside the model)" : `${image.channels} channels`}`,
    ...(hasHead ? [`- classes: ${config.classes}`] : []),
    ...(metadata.preprocessing !== undefined ? [`- preprocessing: \`${metadata.preprocessing}\``] : []),
    ...(metadata.source !== undefined ? [`- from: ${metadata.source}`] : []),
    ...(metadata.licence !== undefined ? [`- licence: ${metadata.licence}`] : []),
    ...(metadata.accuracies ?? []).map(
      ({ dataset, top1, resolution }) => `- published accuracy: ${top1} % on ${dataset} at ${resolution} pixels`,
    ),
  ];
  const files = [
    ...variants.map(({ format, file, dtype }) => `- \`onnx/${file}\`: weights as ${format} (dtype \`${dtype}\`)`),
    layout === "huggingface"
      ? "- `model.safetensors`: for `ViTForImageClassification` of transformers, and for Fovea"
      : "- `model.safetensors`: for Fovea; the `model_type` of config.json is what lets transformers.js run the ONNX file, and no network of that type in transformers has these parameters",
  ];
  const result = hasHead
    ? ['const classify = await pipeline("image-classification", "PATH");', 'console.log(await classify("photo.png"));']
    : [
        'const embed = await pipeline("image-feature-extraction", "PATH");',
        'console.log(await embed("photo.png", { pool: true }));',
      ];
  return [
    ...header,
    "",
    `# ${title}`,
    "",
    ...facts,
    "",
    "## Use",
    "",
    "```js",
    'import { pipeline } from "@huggingface/transformers";',
    "",
    ...result,
    "```",
    ...resizingLines(image.height, image.width, metadata.preprocessing),
    "",
    "The model with its preprocessing inside, written by the line below, takes decoded photos of any size, 8-bit RGB [batch, height, width, 3]:",
    "",
    "```sh",
    "npx fovea export PATH photo.onnx --input photo",
    "```",
    "",
    "## Files",
    "",
    ...files,
    ...(notes.length > 0 ? ["", "## Notes", "", ...notes.map((note) => `- ${note}`)] : []),
    "",
    "Written by Fovea.",
    "",
  ].join("\n");
}
