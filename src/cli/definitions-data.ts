/** The commands about data as help shows them: words, arguments, examples. */
import { defineArguments } from "./command.js";
import { seed, source } from "./shared-arguments.js";

export const data = defineArguments({
  name: "data",
  summary: "Describe a source of images, and check that its images can be read",
  arguments: {
    source,
    split: { type: "string", valueHint: "name", description: "Only this split; all when left out" },
    check: {
      type: "boolean",
      description: "Decode every image, not a sample, and look for images that are there twice",
    },
    augmentations: {
      type: "string",
      valueHint: "file.html",
      description: "Also write a page that shows every augmentation at several strengths on the source's first image",
    },
  },
  examples: [
    { line: "fovea data photos/", does: "its splits, classes, sizes and what is odd about it" },
    { line: "fovea data photos.tar --split test --check", does: "every image of a split; exits 1 when one is broken" },
    { line: 'fovea data "generated:shapes?label=count" --json', does: "a generated set, as JSON" },
    { line: "fovea data photos/ --augmentations sheet.html", does: "what RandAugment and the others do to a photo" },
    {
      line: 'fovea data "generated:fractals?categories=10&instances=100"',
      does: "fractals after FractalDB, each class a system of maps; a wrong option is answered with all of them",
    },
  ],
});

export const dataFractals = defineArguments({
  name: "data fractals",
  summary: "Search for the categories of generated:fractals once and write them to a file that a spec may name",
  arguments: {
    output: { type: "positional", required: true, description: "File to write (.csv): one line a map" },
    categories: { type: "string", valueHint: "n", default: "1000", description: "Categories to find, from number 0" },
    fill: {
      type: "string",
      valueHint: "share",
      default: "0.2",
      description: "Least share of 512 x 512 pixels that 100,000 points must touch",
    },
    seed,
    overwrite: { type: "boolean", description: "Replace the file that is there" },
  },
  examples: [
    { line: "fovea data fractals fractals.csv --categories 1000", does: "a minute or so of search on one core" },
    {
      line: "fovea data fractals few.csv --categories 10 --fill 0.3",
      does: "ten fuller ones; the spec generated:fractals?categories=few.csv then searches no more",
    },
  ],
});

export const dataWeakLabels = defineArguments({
  name: "data weak-labels",
  summary: "Label images by what the text around them names: several classes an image, written as a file of labels",
  arguments: {
    texts: {
      type: "positional",
      required: true,
      description: "Folder or .tar with a .txt or .json beside each image, or a .jsonl or .csv file of ids and texts",
    },
    vocabulary: {
      type: "string",
      valueHint: "file",
      required: true,
      description: "Classes, one a line: name, or name: synonym, synonym",
    },
    output: { type: "string", valueHint: "file", default: "labels.jsonl", description: "File to write" },
    noise: { type: "string", valueHint: "rate", default: "0", description: "Share of labels made wrong on purpose" },
    "noise-kind": {
      type: "string",
      valueHint: "uniform|missing|extra",
      default: "uniform",
      description: "Replace a label by another class, drop it, or add another class",
    },
    seed,
    overwrite: { type: "boolean", description: "Replace the file that is there" },
  },
  examples: [
    {
      line: "fovea data weak-labels photos/ --vocabulary classes.txt --output labels.jsonl",
      does: "counts of what was named, and a file for photos/?labels=labels.jsonl",
    },
    {
      line: "fovea data weak-labels captions.csv --vocabulary classes.txt --noise 0.2",
      does: "a fifth of the labels replaced by others",
    },
  ],
});
