/** The benchmarks of transfer as help shows them. */
import { defineArguments } from "./command.js";
import { backbone, backboneOption, threads } from "./shared-arguments.js";

export const vtab = defineArguments({
  name: "vtab",
  summary: "Measure a backbone on the 19 tasks of VTAB, or on the embedded suite, from 1,000 examples of each",
  arguments: {
    suite: {
      type: "string",
      valueHint: "vtab|embedded",
      default: "vtab",
      description: "The 19 published tasks (their files lie in --data), or tasks that need no download",
    },
    data: {
      type: "string",
      valueHint: "folder",
      description: "Folder of data sets; without files, the command says where to get each",
    },
    backbone: backboneOption,
    baseline: {
      type: "string",
      valueHint: "spec",
      default: "pixels:16",
      description: "Measured beside it by the same method where that works on features; none for nothing",
    },
    method: {
      type: "string",
      valueHint: "name",
      default: "ridge",
      description: "How the backbone is adapted; an unknown name lists them",
    },
    sweep: {
      type: "string",
      valueHint: "none|light|heavy",
      default: "none",
      description: "Settings tried on the 200 validation images: the usual one, a few, or a random search",
    },
    trials: { type: "string", valueHint: "n", description: "Trials of the heavy sweep; 40 when left out" },
    seeds: { type: "string", valueHint: "list", default: "0,1,2", description: "Seeds; the mean is over them" },
    draws: {
      type: "string",
      valueHint: "published|seeded",
      description:
        "Examples that seeds learn from: the published 1,000 (vtab's way), or other ones for each seed (the embedded suite's)",
    },
    tasks: { type: "string", valueHint: "list", description: "Names of tasks; all of the suite when left out" },
    "image-size": {
      type: "string",
      valueHint: "n",
      description: "Side of the images; the backbone's own when left out",
    },
    output: {
      type: "string",
      valueHint: "folder",
      default: "runs/vtab",
      description: "Where features and results are kept; run again, it goes on from there",
    },
    processes: { type: "string", valueHint: "n", default: "1", description: "Processes that share the work" },
    report: { type: "string", valueHint: "file", description: "HTML report to write" },
    "dry-run": { type: "boolean", description: "Say what it would cost, and stop" },
    threads: { ...threads, description: "Threads of ONNX Runtime in each process; a share of the cores when left out" },
  },
  examples: [
    {
      line: "fovea vtab --suite embedded",
      does: "nine tasks without a download, beside raw pixels",
    },
    { line: "fovea vtab --data sets/ --backbone B_16.npz --report vtab.html", does: "those of the 19 that are there" },
    {
      line: "fovea vtab --data sets/ --backbone B_16.npz --method probe --sweep light --processes 4",
      does: "with settings chosen on the validation images, in four processes",
    },
    {
      line: "fovea vtab --data sets/ --dry-run",
      does: "which tasks are there, where to get the others, what it would cost",
    },
  ],
});

export const benchBackbones = defineArguments({
  name: "bench backbones",
  summary: "Measure the few-shot accuracy of several backbones on all sets of a folder, beside their sizes and speeds",
  arguments: {
    backbone: { type: "positional", required: true, description: `Backbones, any number. ${backbone}` },
    data: {
      type: "string",
      valueHint: "folder",
      required: true,
      description: "Folder of sets: tar files of split/class/file with the splits train and test",
    },
    sets: { type: "string", valueHint: "list", description: "Names of sets; all of the folder when left out" },
    shots: { type: "string", valueHint: "list", default: "5,10", description: "Examples of each class" },
    seeds: { type: "string", valueHint: "n", default: "5", description: "Draws of the examples" },
    "test-images": {
      type: "string",
      valueHint: "n",
      default: "600",
      description: "About so many images to name of each set, the same share of each class",
    },
    "image-size": {
      type: "string",
      valueHint: "n",
      default: "128",
      description:
        "Side of the images of ONNX files that leave it open; any backbone takes ?size=96 for one of its own",
    },
    output: { type: "string", valueHint: "file.json", description: "Also write the figures as JSON" },
    cache: {
      type: "string",
      valueHint: "folder",
      default: "runs/backbones",
      description: "What is measured is kept here and used again while backbone, set and protocol are the same",
    },
    overwrite: { type: "boolean", description: "Replace the file that is there" },
    threads,
  },
  examples: [
    {
      line: "fovea bench backbones embedded:bit random:embedded:bit net.onnx?size=96 --data sets/",
      does: "a table in Markdown, raw pixels and the untrained network beside it",
    },
    {
      line: "fovea bench backbones runs/one embedded:tiny?size=96 --data sets/ --sets clothing --output figures.json",
      does: "one set, positions resized to images of 96 pixels, figures as JSON",
    },
  ],
  variadic: true,
});
