/** The commands that put a backbone to work on other classes, as help shows them. */
import { defineArguments } from "./command.js";
import {
  backboneOption,
  backboneOrSource,
  device,
  imageSize,
  network,
  seed,
  source,
  threads,
} from "./shared-arguments.js";

export const fit = defineArguments({
  name: "fit",
  summary: "Fit a classifier to your own images, one folder a class, and say what accuracy to expect of it",
  arguments: {
    images: { ...source, description: `${source.description}; a folder has one folder a class` },
    backbone: backboneOption,
    output: { type: "string", valueHint: "folder", description: "Folder to write; models/NAME when left out" },
    overwrite: { type: "boolean", description: "Replace the classifier that is there" },
    "image-size": imageSize,
    methods: {
      type: "string",
      valueHint: "list",
      description: "To choose among: ridge, ridge-loo, knn, prototypes, probe, logistic; the first four when left out",
    },
    folds: { type: "string", valueHint: "n", default: "5", description: "Parts of cross-validation" },
    split: { type: "string", valueHint: "name", description: "Split of the images; train when left out" },
    seed,
    device,
    threads,
  },
  examples: [
    { line: "fovea fit photos/", does: "a classifier of the folders in photos/, in models/photos" },
    { line: "fovea fit photos/ --backbone net.onnx --output shoes", does: "on features of any ONNX file" },
    { line: "fovea fit photos/ --methods ridge,knn --folds 10", does: "choose between two methods, in ten parts" },
  ],
});

export const fewshot = defineArguments({
  name: "fewshot",
  summary: "Measure how well a trained network tells new classes apart from few examples of each",
  arguments: {
    checkpoint: backboneOrSource,
    source: { ...source, required: false, description: `${source.description}; the classes to tell apart` },
    backbone: {
      ...backboneOption,
      description: "The backbone in another way: fovea fewshot SOURCE --backbone BACKBONE",
    },
    "image-size": imageSize,
    method: {
      type: "string",
      valueHint: "name",
      default: "ridge",
      description: "Classifier on the features: ridge, ridge-loo, knn, prototypes, probe, logistic",
    },
    setting: {
      type: "string",
      valueHint: "name=number",
      description: "Setting of the method, such as k=10 or c=0.1; as published when left out",
    },
    preprocessing: {
      type: "string",
      valueHint: "name|ops",
      description:
        "protocol: resize(256)|central_crop(224), as published figures; network: the network's own; or ops. protocol for published weights, else network, when left out",
    },
    shots: { type: "string", valueHint: "list", default: "1,5,10", description: "Examples of each class" },
    seeds: {
      type: "string",
      valueHint: "n",
      default: "5",
      description: "Draws of the examples; the mean is over them",
    },
    classes: { type: "string", valueHint: "list", description: "Names of the classes; all when left out" },
    split: { type: "string", valueHint: "name", description: "Where the examples come from; train when left out" },
    "test-split": {
      type: "string",
      valueHint: "name",
      description: "Where the images to name come from; test when left out",
    },
    "test-images": {
      type: "string",
      valueHint: "n",
      description: "About so many images to name, the same share of each class (rounded); all when left out",
    },
    leaked: {
      type: "string",
      valueHint: "file",
      description: "Test images that the backbone has seen (fovea dedup --leaked): also score without them",
    },
    device,
    threads,
  },
  examples: [
    { line: "fovea fewshot embedded:sign-digits", does: "1, 5 and 10 shots, mean and 95 % interval" },
    { line: "fovea fewshot runs/one photos/ --shots 5 --seeds 20 --json", does: "on a folder of your own, as JSON" },
    { line: "fovea fewshot photos/ --backbone net.onnx --image-size 128", does: "features of any ONNX file" },
    { line: "fovea fewshot photos/ --method logistic", does: "logistic regression, its C chosen on held-out examples" },
    { line: "fovea fewshot B_16.npz photos/ --method knn --setting k=10", does: "DINO's nearest neighbours" },
    { line: "fovea fewshot runs/one photos/ --leaked leaked.txt", does: "with and without what upstream has" },
  ],
});

export const embed = defineArguments({
  name: "embed",
  summary: "Write the representation of every image of a source as a safetensors file",
  arguments: {
    checkpoint: backboneOrSource,
    source: { ...source, required: false },
    backbone: { ...backboneOption, description: "The backbone in another way: fovea embed SOURCE --backbone BACKBONE" },
    "image-size": imageSize,
    output: { type: "string", valueHint: "file", default: "embeddings.safetensors", description: "File to write" },
    split: { type: "string", valueHint: "name", description: "Split of the source; train when left out" },
    device,
    threads,
  },
  examples: [
    { line: "fovea embed photos/ --output photos.safetensors", does: "one row an image" },
    { line: "fovea embed runs/one photos/", does: "by a network of your own" },
  ],
});

export const predict = defineArguments({
  name: "predict",
  summary: "Name the most probable classes of images",
  arguments: {
    checkpoint: {
      type: "positional",
      required: true,
      description: `What \`fovea fit\` wrote, or an ONNX file with logits. ${network}`,
    },
    images: {
      type: "positional",
      required: true,
      description:
        "Files and folders of images, any number; or one set (a tar, IDX files, embedded:NAME, photos/?take=9); - for an image, or paths one a line, on standard input",
    },
    top: { type: "string", valueHint: "n", default: "1", description: "Classes named for each image" },
    device,
    threads,
  },
  examples: [
    { line: "fovea predict models/photos photo.jpg --top 5", does: "the five most probable classes" },
    { line: "fovea predict models/photos photos/ more/one.png --json", does: "every image below a folder, as JSON" },
    { line: "fovea predict models/photos -", does: "an image, or paths one a line, from a pipe" },
  ],
  variadic: true,
});

export const evaluate = defineArguments({
  name: "evaluate",
  summary: "Measure the accuracy of a network that names classes on labelled images",
  arguments: {
    checkpoint: {
      type: "positional",
      required: true,
      description: `What \`fovea fit\` wrote, or an ONNX file with logits. ${network}`,
    },
    images: { ...source, description: `${source.description}; their classes are matched with the network's by name` },
    split: {
      type: "string",
      valueHint: "name",
      description: "Split of the images; test, else validation, else the only one when left out",
    },
    match: {
      type: "string",
      valueHint: "name|order",
      default: "name",
      description: "How classes are matched; order takes the first of the set for the first of the network",
    },
    "among-set": {
      type: "boolean",
      description: "Choose among the classes of the set alone, not among all that the network names",
    },
    report: { type: "string", valueHint: "file", description: "Also write an HTML page with the mistakes" },
    overwrite: { type: "boolean", description: "Replace the report that is there" },
    device,
    threads,
  },
  examples: [
    { line: "fovea evaluate models/photos new-photos/", does: "top-1, top-5, class by class, what is confused" },
    { line: "fovea evaluate runs/one mnist/ --report mistakes.html", does: "a run on IDX files, with its mistakes" },
    {
      line: "fovea evaluate hf:google/vit-base-patch16-224 photos/?only=tabby,beagle --among-set --json",
      does: "published weights on some of their classes, as JSON",
    },
  ],
});

export const benchFewshot = defineArguments({
  name: "bench fewshot",
  summary: "Measure the ridge fit of the few-shot evaluator on a large support set, beside plain loops",
  arguments: {
    classes: { type: "string", valueHint: "n", default: "1000", description: "Classes" },
    shots: { type: "string", valueHint: "n", default: "10", description: "Examples of each class" },
    width: { type: "string", valueHint: "n", default: "768", description: "Features of an image" },
    rounds: { type: "string", valueHint: "n", default: "3", description: "Fits of each, in turn" },
    threads,
  },
  examples: [{ line: "fovea bench fewshot --json", does: "seconds, those of plain loops, their ratio, as JSON" }],
});

export const finetune = defineArguments({
  name: "finetune",
  summary: "Train a whole network on other classes by a published rule; any setting can be changed as in fovea train",
  arguments: {
    backbone: { type: "positional", required: true, description: network },
    source,
    rule: {
      type: "string",
      valueHint: "bit|vit|augreg|vtab",
      description: "Whose steps, rates, sizes and augmentations; bit for ResNets and vit for others when left out",
    },
    task: {
      type: "string",
      valueHint: "name",
      description: "A data set that the rule treats apart, such as cifar-100, flowers, vtab, dsprites-location",
    },
    shots: { type: "string", valueHint: "k", description: "Train on so many images of each class; all when left out" },
    test: {
      type: "string",
      valueHint: "source",
      description: "Images to judge on; the source's test split, or else a part held out, when left out",
    },
    holdout: {
      type: "string",
      valueHint: "share",
      default: "0.2",
      description: "The part of each class held out where there is no test split; 0 for none",
    },
    steps: { type: "string", valueHint: "n", description: "Another length than the rule's; its schedule is stretched" },
    batch: {
      type: "string",
      valueHint: "n",
      description: "Another batch than the rule's; bit takes 128 at a lower rate",
    },
    "image-size": {
      type: "string",
      valueHint: "n",
      description: "Another side of the images than the rule's, in pixels; positions are resized to it",
    },
    seed,
    output: { type: "string", valueHint: "folder", description: "Folder of the run; runs/finetune when left out" },
    memory: {
      type: "string",
      valueHint: "size",
      description: "Largest memory, as 2GB: batches are worked through in parts that fit; what is free when left out",
    },
    resume: {
      type: "boolean",
      description: "Go on from the newest checkpoint in the folder, as if never stopped; start where there is no run",
    },
    overwrite: { type: "boolean", description: "Replace the run that is in the folder" },
    "dry-run": { type: "boolean", description: "Print parameters, FLOPs, memory, steps and expected time, and stop" },
  },
  examples: [
    {
      line: "fovea finetune embedded:bit photos/ --image-size 64 --batch 128",
      does: "a network of the package on your own classes",
    },
    { line: "fovea finetune augreg:S/16 photos/ --rule augreg --dry-run", does: "what it would cost" },
    {
      line: "fovea finetune BiT-M-R50x1.npz cifar-10-binary/ --shots 10 --batch 128 --output runs/ten",
      does: "BiT-HyperRule on ten images of each class",
    },
    {
      line: "fovea finetune embedded:bit photos/ --optimizer.learningRate=0.003 --resume",
      does: "with a setting changed; go on after an interruption",
    },
  ],
  overrides: true,
});
