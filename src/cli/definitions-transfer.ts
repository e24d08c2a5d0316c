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
  summary: "Fit a classifier to your own images, one folder per class, and estimate its accuracy",
  arguments: {
    images: { ...source, description: `${source.description} (one subfolder per class)` },
    backbone: backboneOption,
    output: { type: "string", valueHint: "folder", description: "Folder to write (default: models/NAME)" },
    overwrite: { type: "boolean", description: "Replace an existing classifier" },
    "image-size": imageSize,
    methods: {
      type: "string",
      valueHint: "list",
      description:
        "Candidate classifiers: ridge, ridge-loo, knn, prototypes, probe, logistic (default: the first four)",
    },
    folds: { type: "string", valueHint: "n", default: "5", description: "Folds of the cross-validation" },
    split: { type: "string", valueHint: "name", description: "Split of the images (default: train)" },
    seed,
    device,
    threads,
  },
  examples: [
    { line: "fovea fit photos/", does: "a classifier of the folders in photos/, in models/photos" },
    { line: "fovea fit photos/ --backbone net.onnx --output shoes", does: "on features of any ONNX file" },
    { line: "fovea fit photos/ --methods ridge,knn --folds 10", does: "choose between two methods, in ten folds" },
  ],
});

export const fewshot = defineArguments({
  name: "fewshot",
  summary: "Measure few-shot accuracy: classifiers on frozen features, fitted to a few examples per class",
  arguments: {
    network: backboneOrSource,
    source: { ...source, required: false, description: `${source.description} with labels` },
    backbone: {
      ...backboneOption,
      description: "Backbone, given as an option: fovea fewshot SOURCE --backbone BACKBONE",
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
      description: "Setting of the method, such as k=10 or c=0.1 (default: as published)",
    },
    preprocessing: {
      type: "string",
      valueHint: "name|ops",
      description:
        "protocol: resize(256)|central_crop(224), as in published results; network: the network's own; or preprocessing ops (default: protocol for published weights, else network)",
    },
    shots: { type: "string", valueHint: "list", default: "1,5,10", description: "Examples per class" },
    seeds: {
      type: "string",
      valueHint: "n",
      default: "5",
      description: "Number of draws of the examples; the mean is over them",
    },
    classes: { type: "string", valueHint: "list", description: "Names of the classes (default: all)" },
    split: { type: "string", valueHint: "name", description: "Split of the examples (default: train)" },
    "test-split": {
      type: "string",
      valueHint: "name",
      description: "Split of the test images (default: test)",
    },
    "test-images": {
      type: "string",
      valueHint: "n",
      description: "Number of test images, about; the same share of each class (default: all)",
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
    {
      line: "fovea fewshot runs/one photos/ --leaked leaked.txt",
      does: "with and without the test images that upstream has",
    },
  ],
});

export const embed = defineArguments({
  name: "embed",
  summary: "Write the features of every image of a source to a safetensors file",
  arguments: {
    network: backboneOrSource,
    source: { ...source, required: false },
    backbone: {
      ...backboneOption,
      description: "Backbone, given as an option: fovea embed SOURCE --backbone BACKBONE",
    },
    "image-size": imageSize,
    output: { type: "string", valueHint: "file", default: "embeddings.safetensors", description: "File to write" },
    split: { type: "string", valueHint: "name", description: "Split of the source (default: train)" },
    device,
    threads,
  },
  examples: [
    { line: "fovea embed photos/ --output photos.safetensors", does: "one row per image" },
    { line: "fovea embed runs/one photos/", does: "by a network of your own" },
  ],
});

export const predict = defineArguments({
  name: "predict",
  summary: "Classify images",
  arguments: {
    network: {
      type: "positional",
      required: true,
      description: `Classifier of \`fovea fit\`, or an ONNX file with logits. ${network}`,
    },
    images: {
      type: "positional",
      required: true,
      description:
        "Files and folders of images, any number; or one dataset (a tar, IDX files, embedded:NAME, photos/?take=9); or - for an image, or paths one per line, on standard input",
    },
    top: { type: "string", valueHint: "n", default: "1", description: "Number of classes to print for each image" },
    device,
    threads,
  },
  examples: [
    { line: "fovea predict models/photos photo.jpg --top 5", does: "the five most probable classes" },
    { line: "fovea predict models/photos photos/ more/one.png --json", does: "every image below a folder, as JSON" },
    { line: "fovea predict models/photos -", does: "an image, or paths one per line, from a pipe" },
  ],
  variadic: true,
});

export const evaluate = defineArguments({
  name: "evaluate",
  summary: "Measure the accuracy of a classifier on labelled images",
  arguments: {
    network: {
      type: "positional",
      required: true,
      description: `Classifier of \`fovea fit\`, or an ONNX file with logits. ${network}`,
    },
    images: { ...source, description: `${source.description}; its classes are matched with the network's by name` },
    split: {
      type: "string",
      valueHint: "name",
      description: "Split of the images (default: test, else validation, else the only one)",
    },
    match: {
      type: "string",
      valueHint: "name|order",
      default: "name",
      description:
        "How classes are matched: by name, or in their order (the first of the dataset is the first of the network)",
    },
    "among-set": {
      type: "boolean",
      description: "Predict only classes of the dataset, not all that the network has",
    },
    report: { type: "string", valueHint: "file", description: "Also write an HTML page with the mistakes" },
    overwrite: { type: "boolean", description: "Replace an existing report" },
    device,
    threads,
  },
  examples: [
    {
      line: "fovea evaluate models/photos new-photos/",
      does: "top-1, top-5, recall and precision per class, confused classes",
    },
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
    shots: { type: "string", valueHint: "n", default: "10", description: "Examples per class" },
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
      description:
        "Rule that sets steps, learning rates, image sizes and augmentations (default: bit for ResNets, vit for others)",
    },
    task: {
      type: "string",
      valueHint: "name",
      description: "A data set that the rule treats apart, such as cifar-100, flowers, vtab, dsprites-location",
    },
    shots: { type: "string", valueHint: "k", description: "Training images per class (default: all)" },
    test: {
      type: "string",
      valueHint: "source",
      description: "Test images (default: the source's test split, else a part that is held out)",
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
    output: { type: "string", valueHint: "folder", description: "Folder of the run (default: runs/finetune)" },
    memory: {
      type: "string",
      valueHint: "size",
      description:
        "Memory limit, such as 2GB: gradients are accumulated over microbatches that fit (default: the free memory)",
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
