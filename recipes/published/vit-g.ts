// ViT-g/14 and G/14 upstream (Zhai et al., "Scaling Vision Transformers", arXiv:2106.04560; papers.md 8): the Adafactor variant with momentum
// in half precision, a reciprocal square root with cool-down, attention pooling without a class token, and a weight decay of the
// head a hundred times that of the body.
//
// Published for G/14 on JFT-3B: 90.45 % top-1 on ImageNet-1k after fine-tuning, 84.86 % from ten images a class. Not run here: JFT is not public, and
// the model takes eight gigabytes of weights.
import { defineRecipe } from "fovea/train";

export default defineRecipe({
  model: { name: "vit", variant: "g/14", pooling: "map", headBiasInit: -10, rematerialise: true },
  data: { train: { source: "imagenet21k/", preprocessing: "decode|inception_crop(224)|flip_lr|value_range(-1,1)" } },
  objective: { name: "sigmoid" },
  batchSize: 4096,
  total: { steps: 1_000_000 },
  optimizer: {
    name: "adafactor",
    learningRate: 8e-4,
    // 0.03 of the rate for the body and 3.0 of it for the head
    weightDecay: 0.03 * 8e-4,
    weightDecayPatterns: [
      ["head/kernel", 100],
      [".*/kernel", 1],
    ],
    clipNorm: 1,
  },
  schedule: { name: "rsqrt", timescale: 10_000, warmup: { steps: 10_000 }, cooldown: { steps: 50_000 } },
});
