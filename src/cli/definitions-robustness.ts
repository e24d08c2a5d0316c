/** The command about robustness as help shows it: words, arguments, examples. */
import { defineArguments } from "./command.js";
import { backbone, device, imageSize, source, threads } from "./shared-arguments.js";

export const robustness = defineArguments({
  name: "robustness",
  summary:
    "Measure what costs accuracy: corrupted images, other test sets of ImageNet's classes, objects between patches",
  arguments: {
    network: { type: "positional", required: true, description: `Network or backbone. ${backbone}` },
    source: { ...source, required: false },
    corruptions: {
      type: "string",
      valueHint: "list",
      description: "Families, such as gaussian_noise,fog; all fifteen when left out",
    },
    severities: { type: "string", valueHint: "list", default: "1-5", description: "From 1, mild, to 5" },
    table: {
      type: "string",
      valueHint: "imagenet|tiny-imagenet|cifar",
      description: "Constants of the severities, made for 224, 64 and 32 pixels; by the image size when left out",
    },
    head: {
      type: "string",
      valueHint: "name",
      description:
        "own, or one fitted to clean training images: ridge, ridge-loo, knn, prototypes, probe, logistic; default: own where the network knows the source's classes, else ridge",
    },
    split: {
      type: "string",
      valueHint: "name",
      description: "Images that a head is fitted to; train when left out",
    },
    "test-split": { type: "string", valueHint: "name", description: "Images that are named; test when left out" },
    "train-images": {
      type: "string",
      valueHint: "n",
      description: "Fit to about so many, the same share of each class; all when left out",
    },
    "test-images": {
      type: "string",
      valueHint: "n",
      description: "Name about so many, the same share of each class; all when left out",
    },
    set: {
      type: "string",
      valueHint: "objectnet|imagenet-v2|real",
      description: "Instead of SOURCE: a network of ImageNet's 1,000 classes on a published set, in --folder",
    },
    folder: { type: "string", valueHint: "folder", description: "Where the set of --set lies, as distributed" },
    boxes: {
      type: "string",
      valueHint: "file.csv",
      description: "For objectnet: lines FOLDER/FILE.png,left,top,right,bottom; the box alone is named",
    },
    "patch-grid": {
      type: "boolean",
      description: "Instead of SOURCE: generated objects at every offset to the grid of patches",
    },
    patch: {
      type: "string",
      valueHint: "n",
      description:
        "Side of the patches of --patch-grid in pixels; a Vision Transformer's or a Mixer's own when left out",
    },
    objects: {
      type: "string",
      valueHint: "n",
      default: "8",
      description: "Objects of each of six classes that --patch-grid names at every offset",
    },
    chart: { type: "string", valueHint: "file.svg", description: "Write a chart of --patch-grid" },
    "image-size": imageSize,
    device,
    threads,
  },
  examples: [
    {
      line: "fovea robustness runs/one photos/ --test-images 200",
      does: "accuracy clean, under fifteen corruptions at five severities, and their mean",
    },
    {
      line: "fovea robustness net.onnx photos/ --corruptions fog,snow --severities 3,5 --json",
      does: "frozen features of any backbone with a ridge fitted to clean images",
    },
    {
      line: "fovea robustness hf:google/vit-base-patch16-224 --set real --folder imagenet/",
      does: "ReaL accuracy beside published ones; a set that is not there is answered with where to get it",
    },
    {
      line: "fovea robustness runs/one --patch-grid --chart grid.svg",
      does: "does an object on the border between patches cost accuracy?",
    },
  ],
});
