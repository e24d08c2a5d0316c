/** The commands as help shows them: words, arguments, examples. Bodies are in commands/, loaded when called. */
import { defineArguments } from "./command.js";
import { device, network, seed, source, threads } from "./shared-arguments.js";

export * from "./definitions-data.js";
export * from "./definitions-robustness.js";
export * from "./definitions-suite.js";
export * from "./definitions-transfer.js";

export const quickstart = defineArguments({
  name: "quickstart",
  summary: "Name classes from five pictures of each with the backbone of the package, in seconds; or train one first",
  arguments: {
    output: {
      type: "string",
      valueHint: "folder",
      default: "runs/quickstart",
      description: "Folder of the report, and of the run with --train",
    },
    train: {
      type: "boolean",
      description: "First train a small network from nothing on other classes, then play with it; a few minutes",
    },
    minutes: {
      type: "string",
      valueHint: "n",
      description: "Train (as with --train) for about this long at most, with a shorter schedule",
    },
    seed,
  },
  examples: [
    { line: "fovea quickstart", does: "play three games and write one HTML report" },
    { line: "fovea quickstart --train", does: "watch a network learn, then play with it" },
    { line: "fovea quickstart --json --seed 1", does: "the accuracies beside chance and raw pixels, as JSON" },
  ],
});

export const train = defineArguments({
  name: "train",
  summary: "Train by a recipe; any setting of it can be changed as --path.to.setting=value",
  arguments: {
    recipe: {
      type: "positional",
      required: true,
      description: "Recipe file (recipes/*.ts, or recipe.json of an earlier run)",
    },
    output: { type: "string", valueHint: "folder", description: "Folder of the run; runs/NAME when left out" },
    resume: {
      type: "boolean",
      description: "Go on from the newest checkpoint in the folder, as if never stopped; start where there is no run",
    },
    overwrite: { type: "boolean", description: "Replace the run that is in the folder" },
    "dry-run": { type: "boolean", description: "Print parameters, FLOPs, memory, steps and expected time, and stop" },
    memory: {
      type: "string",
      valueHint: "size",
      description:
        "Largest memory, as 2GB or 1.5GiB: takes the fastest of microbatches and rematerialised blocks that fits",
    },
  },
  examples: [
    { line: "fovea train recipes/fashion-mnist.ts", does: "train, with progress on the terminal" },
    { line: "fovea train recipes/fashion-mnist.ts --dry-run", does: "what it would cost" },
    {
      line: "fovea train recipes/fashion-mnist.ts --optimizer.learningRate=3e-4 --model.depth 4",
      does: "with settings changed",
    },
    { line: "fovea train recipes/fashion-mnist.ts --resume", does: "go on after an interruption" },
  ],
  overrides: true,
});

export const pseudoLabel = defineArguments({
  name: "pseudo-label",
  summary: "Label images by a trained network, written as a file of labels to train on (SOURCE?labels=FILE)",
  arguments: {
    network: { type: "positional", required: true, description: network },
    source,
    output: {
      type: "string",
      valueHint: "file",
      default: "labels.jsonl",
      description: "File to write: .jsonl, or .csv where the source has the network's classes",
    },
    split: { type: "string", valueHint: "name", description: "Split of the source; train when left out" },
    soft: { type: "boolean", description: "Write the probability of every class, not the most probable class" },
    confidence: {
      type: "string",
      valueHint: "p",
      default: "0",
      description: "Leave out images whose most probable class is less probable",
    },
    crops: {
      type: "string",
      valueHint: "1|5",
      default: "5",
      description: "Crops whose logits are averaged: corners and middle, or the middle",
    },
    turns: {
      type: "string",
      valueHint: "1|4",
      default: "4",
      description: "Turns of each crop; 1 where turned images mean something else, as digits do",
    },
    overwrite: { type: "boolean", description: "Replace the file that is there" },
    device,
    threads,
  },
  examples: [
    { line: "fovea pseudo-label runs/few photos/ --output labels.jsonl", does: "the class of every image" },
    { line: "fovea pseudo-label runs/few photos/ --confidence 0.9", does: "of those the network is sure of" },
    { line: "fovea pseudo-label runs/few photos/ --soft --turns 1", does: "probabilities, without turning images" },
  ],
});

export const convert = defineArguments({
  name: "convert",
  summary: "Write a network's weights in another published layout",
  arguments: {
    network: { type: "positional", required: true, description: network },
    output: { type: "positional", required: true, description: "File to write: .safetensors or .npz" },
    layout: {
      type: "string",
      valueHint: "name",
      description:
        "fovea, timm or huggingface (.safetensors); augreg, bit or mixer (.npz). When left out: fovea, or the .npz layout of the family",
    },
    weights: {
      type: "string",
      valueHint: "float32|float16",
      default: "float32",
      description: "How numbers are stored; float16 halves the file",
    },
    "image-size": {
      type: "string",
      valueHint: "n|h,w",
      description: "Bring learned positions of published weights to images of this size",
    },
    classes: { type: "string", valueHint: "n", description: "Replace the head by one of zeros; 0 leaves it away" },
    overwrite: { type: "boolean", description: "Replace the file that is there" },
  },
  examples: [
    {
      line: "fovea convert runs/one tiny.safetensors --layout timm",
      does: "a run's network under timm's names",
    },
    { line: "fovea convert B_16.npz b16.safetensors --layout huggingface", does: "from AugReg to Hugging Face" },
    {
      line: "fovea convert augreg:S/16 s16.safetensors --image-size 384 --classes 0",
      does: "for larger images, without a head",
    },
  ],
});

export const exportNetwork = defineArguments({
  name: "export",
  summary: "Write a network as an ONNX file, or as a folder that transformers.js loads",
  arguments: {
    network: { type: "positional", required: true, description: network },
    output: { type: "positional", required: true, description: "File to write (.onnx), or a folder" },
    weights: {
      type: "string",
      valueHint: "list",
      default: "float32",
      description:
        "How weights are stored: float32, float16, int8 (faster too, on processors that multiply bytes faster than floats); several for a folder",
    },
    outputs: {
      type: "string",
      valueHint: "logits|features|both",
      description: "What the model returns; logits where there is a head when left out",
    },
    input: {
      type: "string",
      valueHint: "pixel_values|uint8|photo",
      default: "pixel_values",
      description:
        "Scaled floats [batch, channels, height, width], 8-bit pixels [batch, height, width, channels], or photos of any size, which the model resizes itself",
    },
    operators: {
      type: "string",
      valueHint: "fused|plain",
      default: "fused",
      description: "With ONNX Runtime's own operators, or those of ONNX alone for other runtimes",
    },
    opset: {
      type: "string",
      valueHint: "17..21",
      description: "Version of ONNX's operators, for older runtimes; default: 21",
    },
    batch: { type: "string", valueHint: "n", description: "Images in a run; any number when left out" },
    calibration: {
      type: "string",
      valueHint: "source",
      description: "Images by which int8 convolutions find their ranges; without, they only store 8 bits",
    },
    "image-size": { type: "string", valueHint: "n|h,w", description: "For images of this size (published weights)" },
    classes: { type: "string", valueHint: "n", description: "0 leaves the head away" },
    overwrite: { type: "boolean", description: "Replace the file that is there" },
  },
  examples: [
    { line: "fovea export runs/one model.onnx", does: "logits of any number of images" },
    { line: "fovea export runs/one web/ --weights float32,int8", does: "a folder for transformers.js" },
    {
      line: "fovea export B_16.npz b16.onnx --weights int8 --input uint8 --outputs both",
      does: "from pixels to logits and features, in a quarter of the size",
    },
  ],
});

export const inspectWeights = defineArguments({
  name: "inspect weights",
  summary: "Say what is in a file of weights: layout, model, images, classes, licence, tensors",
  arguments: {
    network: { type: "positional", required: true, description: network },
    tensors: { type: "boolean", description: "List every tensor, not only the first few" },
  },
  examples: [
    { line: "fovea inspect weights model.safetensors", does: "what it is and how it wants its images" },
    { line: "fovea inspect weights BiT-M-R50x1.npz --tensors --json", does: "every tensor, as JSON" },
  ],
});

export const models = defineArguments({
  name: "models",
  summary: "List the published models with their parameters and cost, and the trained backbones of the package",
  arguments: {
    model: {
      type: "positional",
      required: false,
      description: "Only these: a series (vit, mixer, bit), a variant (S, Mixer-B) or a model (S/16, R50x1)",
    },
    "image-size": {
      type: "string",
      valueHint: "list",
      default: "224,384",
      description: "Sides in pixels the cost is counted at",
    },
    pooling: {
      type: "string",
      valueHint: "gap|tok|map|none",
      description: "How Vision Transformers pool their tokens; as published when left out",
    },
    classes: { type: "string", valueHint: "n", default: "1000", description: "Classes of the head; 0 for none" },
    published: {
      type: "boolean",
      description: "Instead, the recommended AugReg checkpoints: their accuracy, speed and the name that loads them",
    },
  },
  examples: [
    { line: "fovea models", does: "every published model, and the backbones that are here" },
    { line: "fovea models --published", does: "checkpoints with their ImageNet accuracy and the name that loads them" },
    { line: "fovea models hybrid", does: "one series: vit, hybrid, earlyConvolutions, mixer, bit or resnet" },
    { line: "fovea models S", does: "one variant, at each patch size it was published with" },
    { line: "fovea models B/4 --image-size 32 --classes 10", does: "any patch and image size" },
    { line: "fovea models vit --pooling tok --classes 21843 --json", does: "as the ImageNet-21k models were, as JSON" },
  ],
});

export const benchEngine = defineArguments({
  name: "bench engine",
  summary: "Measure the training step against the machine's matrix multiplication",
  arguments: {
    model: {
      type: "string",
      valueHint: "name",
      description: "Only this model, of any family; S/16 at batch 8 and Ti/16 at batch 16 when left out",
    },
    batch: { type: "string", valueHint: "n", default: "8", description: "Images in a step of --model" },
    "image-size": { type: "string", valueHint: "n", default: "224", description: "Side of the images in pixels" },
    rounds: { type: "string", valueHint: "n", default: "7", description: "Steps measured, each between products" },
    microbatches: {
      type: "string",
      valueHint: "n",
      description: "Parts a batch is worked through in; as many as training takes by default",
    },
    "steps-per-run": {
      type: "string",
      valueHint: "n",
      default: "4",
      description: "Steps with AdamW in one run of the runtime (their state is copied out once a run)",
    },
    memory: {
      type: "boolean",
      description: "Only whether four times the batch, rematerialised in microbatches, runs in the memory of the batch",
    },
    threads,
  },
  examples: [
    { line: "fovea bench engine --json", does: "rates, their ratio, memory, time to build, as JSON" },
    { line: "fovea bench engine --model R50x1 --rounds 5", does: "another model, a ResNet" },
  ],
});

export const benchInference = defineArguments({
  name: "bench inference",
  summary:
    "Measure exported networks against the graphs that converters usually write, and 8-bit against float32 weights",
  arguments: {
    models: {
      type: "string",
      valueHint: "list",
      default: "S/16,B/16,R50x1",
      description: "Names of networks, of any family; their weights are drawn",
    },
    network: {
      type: "string",
      valueHint: "path",
      description: "A trained network instead: run folder, checkpoint or published weights",
    },
    batches: { type: "string", valueHint: "list", default: "1,8", description: "Images in a run" },
    rounds: { type: "string", valueHint: "n", default: "7", description: "Runs of each form, in turn" },
    "image-size": { type: "string", valueHint: "n", default: "224", description: "Side of the images of --models" },
    images: {
      type: "string",
      valueHint: "n",
      default: "40",
      description: "Real images on which 8-bit and float32 are compared",
    },
    source: {
      type: "string",
      valueHint: "spec",
      default: "embedded:clothing",
      description: "Where the images come from; splits train and test are read",
    },
    threads,
  },
  examples: [
    { line: "fovea bench inference --json", does: "images a second of each form, their ratios and agreement, as JSON" },
    { line: "fovea bench inference --models S/16 --batches 1 --rounds 20", does: "one model, one batch size" },
    {
      line: "fovea bench inference --network runs/one --source embedded:fashion --images 1000",
      does: "a trained network on real images",
    },
  ],
});

export const benchDistributed = defineArguments({
  name: "bench distributed",
  summary: "Measure training divided over MPI ranks against training in one process with as many threads",
  arguments: {
    models: {
      type: "string",
      valueHint: "list",
      default: "S/16@64,S/16@224",
      description: "Vision Transformers, each at a side in pixels",
    },
    batch: { type: "string", valueHint: "n", default: "16", description: "Images in a step, over all ranks" },
    steps: { type: "string", valueHint: "n", default: "50", description: "Steps of each run" },
    ranks: { type: "string", valueHint: "n", default: "2", description: "Ranks beside the one process" },
    source: { ...source, type: "string", required: false, valueHint: "spec", default: "embedded:clothing" },
    mpiexec: {
      type: "string",
      valueHint: "command",
      default: "mpiexec",
      description: "Command that starts ranks, with words of its own if need be",
    },
    threads: { ...threads, description: "Threads in all, divided over the ranks; default: all cores" },
  },
  examples: [
    {
      line: "fovea bench distributed --json",
      does: "losses, their largest difference, throughput and its ratio, as JSON",
    },
    { line: "fovea bench distributed --models Ti/16@224 --steps 20", does: "another model, shorter" },
    {
      line: 'fovea bench distributed --mpiexec "mpiexec.openmpi --oversubscribe"',
      does: "with another launcher",
    },
  ],
});
