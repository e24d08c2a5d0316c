/** A network of one's own in a recipe: trained, opened and used like any other while this file is imported. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images, open } from "fovea";
import { gelu, reduceMean, transpose } from "fovea/graph";
import { defineModel } from "fovea/models";
import { convolution } from "fovea/nn";
import { defineRecipe, train } from "fovea/train";

const part = { source: "embedded:clothing?only=hat,pants", preprocessing: "decode|resize(28)|value_range(-1,1)" };
const model = defineModel({
  name: "small-convolutions",
  imageSize: 28,
  settings: { channels: [16, 32] },
  build: (scope, images, { settings }) => {
    let x = transpose(images, [0, 3, 1, 2]); // [N, C, H, W]
    for (const [i, channels] of settings.channels.entries())
      x = gelu(convolution(scope.at(`layer${i}`), x, { channels, kernel: 3, stride: 2, bias: true }));
    return reduceMean(x, [2, 3]);
  },
});

const recipe = defineRecipe({
  model,
  data: { train: part, evaluation: part },
  batchSize: 32,
  total: { steps: 40 },
  optimizer: { name: "adamw", learningRate: 1e-2 },
  output: await mkdtemp(join(tmpdir(), "fovea-run-")),
});
const { evaluation } = await train(recipe, { resume: true, silent: true });
console.log(`accuracy ${(100 * (evaluation?.accuracy ?? 0)).toFixed(0)} %`);

await using network = await open(recipe.output);
await using photos = await images("embedded:clothing?only=hat,pants", { split: "test" });
console.log(
  (await network.classify((await photos.get(0)).image))[0]?.name,
  (await network.embed((await photos.get(0)).image)).length,
);
