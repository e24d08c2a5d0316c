/**
 * Virtual adversarial training with entropy minimisation: a tenth of the labels, and answers that no small change of an
 * image turns over (papers.md 10.4). A small version of Zhai et al., "S4L", arXiv:1905.03670 (after Miyato et al.,
 * arXiv:1704.03976); supervised-10-percent.ts is the same without the unlabelled images. With `--objective.name=moam
 * --objective.entropyMinimisation=null` it is the first step of the mix of all models, rotation beside it.
 *
 * Published, ResNet50v2, 10 % of ImageNet's labels: top-1 59.98 %, top-5 82.71 %; with entropy minimisation 60.87 and
 * 83.28 % (labels alone: 56.36 and 80.42 %; mix of all models, four times as wide, first step: 69.46 and 88.70 %).
 * Reference settings: epsilon 40 at 224 px (as far a number is 8.6 at 48 px, the default there), weight 0.5, one round
 * of power iteration, entropy weight 1, rate 0.03.
 *
 * This small version has not been run yet.
 *
 *   fovea train recipes/vat.ts --data.train.source="photos/?take=300&balanced=true" \
 *     --data.unlabelled.source=photos/ --data.evaluation.source=photos/
 */
import { defineRecipe } from "fovea/train";
import supervised from "./supervised-10-percent.js";

const { train } = supervised.data;

export default defineRecipe({
  ...supervised,
  objective: { name: "vat", entropyMinimisation: 1 },
  data: { ...supervised.data, unlabelled: { ...train, source: "embedded:clothing" } },
});
