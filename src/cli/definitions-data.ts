/** The commands about data as help shows them: words, arguments, examples. */

import { defaultBackbone } from "../weights/embedded.js";
import { defineArguments } from "./command.js";
import { backbone, device, imageSize, seed, source, threads } from "./shared-arguments.js";

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

export const dedup = defineArguments({
  name: "dedup",
  summary:
    "Find images that are there twice, changed or not: within a set, and between it and the sets it is judged by",
  arguments: {
    source: { ...source, description: `${source.description}; what is trained on` },
    against: {
      type: "string",
      valueHint: "test...",
      description: "Test sets, any number; the other splits of the same set when left out",
    },
    split: { type: "string", valueHint: "name", description: "Split that is trained on; train when left out" },
    exclude: {
      type: "string",
      valueHint: "file",
      description:
        "Write the images to leave out of training, for SOURCE?exclude=FILE: all that a test has, all but one of the others",
    },
    leaked: {
      type: "string",
      valueHint: "file",
      description: "Write the test images that training has, for fovea fewshot --leaked: scores with and without them",
    },
    report: { type: "string", valueHint: "file.html", description: "Write a page with the pictures of every group" },
    distance: {
      type: "string",
      valueHint: "bits",
      default: "8",
      description: "Compare all images whose 64-bit hashes differ in no more bits, in any flip or quarter turn",
    },
    neighbours: {
      type: "string",
      valueHint: "n",
      default: "6",
      description: "And with each image so many that look nearest by a thumbnail; 0 for none",
    },
    crops: {
      type: "boolean",
      default: true,
      description:
        "Seek neighbours by parts of the thumbnails too, which finds crops at six times the work (--no-crops: do not)",
    },
    threshold: {
      type: "string",
      valueHint: "score",
      description:
        "Least score of a near-duplicate, up to 1; 0.85 when left out. Where all pictures are alike (clothes laid flat, hands before one wall), 0.93 finds fewer that are none",
    },
    backbone: {
      type: "string",
      valueHint: "network",
      description: `Seek neighbours by its features too. ${backbone}`,
    },
    "feature-cosine": {
      type: "string",
      valueHint: "cosine",
      description: `Cosine of its features (${defaultBackbone}'s when none is named) from which on images count as one picture`,
    },
    "image-size": imageSize,
    device,
    cache: {
      type: "boolean",
      default: true,
      description:
        "Remember the images in the cache folder, so that an interrupted search goes on (--no-cache: do not)",
    },
    threads,
    overwrite: { type: "boolean", description: "Replace the files that are there" },
  },
  examples: [
    {
      line: "fovea dedup photos/ --report twice.html",
      does: "what a folder has twice, within and between its splits, with pictures",
    },
    {
      line: "fovea dedup upstream/ --against cifar.tar flowers/ --exclude exclude.txt",
      does: 'a list for "upstream/?exclude=exclude.txt", free of what the tests have and of repetitions',
    },
  ],
  variadic: true,
});

export const benchDedup = defineArguments({
  name: "bench dedup",
  summary: "Measure the search for near-duplicates: its speed, edited copies, pairs that people judged",
  arguments: {
    only: {
      type: "string",
      valueHint: "list",
      description: "Parts: speed, edited, judged, ladder; all that can be when left out",
    },
    judged: {
      type: "string",
      valueHint: "folder",
      description: "Folder with pairs.json and subset.tar: ciFAIR's judgements of CIFAR-10",
    },
    chart: { type: "string", valueHint: "file.svg", description: "Write precision over recall on the judged pairs" },
    ladder: {
      type: "string",
      valueHint: "folders",
      description: "Folders of pictures and their edits, separated by commas",
    },
    source: {
      type: "string",
      valueHint: "specs",
      default: "embedded:clothing",
      description: "Sets whose pictures are edited, separated by commas; a ladder is sought among them",
    },
    originals: { type: "string", valueHint: "n", default: "500", description: "Pictures the copies are sought among" },
    copies: { type: "string", valueHint: "n", default: "100", description: "Copies of each edit and strength" },
    threshold: {
      type: "string",
      valueHint: "score",
      description: "Least score of a near-duplicate; that of fovea dedup when left out",
    },
    hashes: {
      type: "string",
      valueHint: "n",
      default: "1000000",
      description: "Hashes that are joined with themselves",
    },
    distance: { type: "string", valueHint: "bits", default: "6", description: "Hamming distance of that join" },
    embeddings: {
      type: "string",
      valueHint: "rows,columns",
      default: "100000,384",
      description: "Features whose pairs are searched",
    },
    floor: {
      type: "string",
      valueHint: "cosine",
      default: "0.01",
      description: "Least cosine of the nearest row: so low that no pair can be ruled out early",
    },
    seed,
    threads,
  },
  examples: [
    { line: "fovea bench dedup --only speed --json", does: "a million hashes and 100,000 embeddings, as JSON" },
    {
      line: "fovea bench dedup --only judged --judged near-duplicates/cifar10 --chart pr.svg",
      does: "against people's judgement",
    },
    {
      line: "fovea bench dedup --only edited --originals 200 --copies 50",
      does: "which edits are found, a shorter run",
    },
  ],
});
