/**
 * FractalDB-1k: ResNet-50 learns 1,000 iterated function systems of 1,000 instances each (Kataoka et al., "Pre-training
 * without Natural Images", ACCV 2020). Settings as in hirokatsukataoka16/FractalDB-Pretrained-ResNet-PyTorch,
 * pretraining/args.py and pretraining/main.py:
 *
 *   field            original                                   here
 *   model            torchvision-style ResNet-50, batch norm    BiT ResNet-50 (group norm, standardised weights): differs
 *   images           362 px, random crop 224, no flip           the same
 *   normalisation    mean 0.2, standard deviation 0.5           to -1..1: differs
 *   loss             softmax cross-entropy                      the same
 *   batch, epochs    256, 90                                    the same
 *   SGD              momentum 0.9, weight_decay 1e-4 on all     momentum 0.9, l2Penalty 1e-4 on all parameters
 *   learning rate    0.1, a tenth from epoch 30 and 60 on       the same
 *
 * Published, fine-tuned (from memory, not checked against the paper): CIFAR-10 93.4 %, CIFAR-100 75.7 %. Not run here.
 */
import { defineRecipe } from "fovea/train";

/** A million images in batches of 256. */
const stepsPerEpoch = Math.floor(1e6 / 256);

export default defineRecipe({
  model: { name: "resnet", variant: "R50x1" },
  data: {
    train: {
      source: "generated:fractals?categories=1000&instances=1000",
      preprocessing: "decode|random_crop(224)|value_range(-1,1)",
    },
  },
  batchSize: 256,
  total: { epochs: 90 },
  // PyTorch's SGD decays all parameters, including biases and the scales of norms
  optimizer: { name: "sgd", momentum: 0.9, learningRate: 0.1, l2Penalty: 1e-4, weightDecayPatterns: [[".*", 1]] },
  schedule: { name: "stair", steps: [30, 60].map((epoch) => epoch * stepsPerEpoch), mults: [0.1, 0.01] },
});
