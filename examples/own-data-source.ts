/** A data source of one's own: images made in memory, from a database or a camera, are trained on like any dataset. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineRecipe, images, open, train } from "fovea";
import { defineSource } from "fovea/data";

const side = 16;
/** Stripes: class 0 is upright, class 1 is level. */
const stripes = defineSource({
  name: "stripes",
  open: () => ({
    classNames: ["upright", "level"],
    labels: Int32Array.from({ length: 256 }, (_, i) => i % 2),
    // grey pixels; it could also be a path, a URL or the bytes of an image file
    image: (index) => {
      const at = (x: number, y: number) => ((index % 2 === 0 ? x : y) + (index >> 1)) % 4 < 2;
      const data = Uint8Array.from({ length: side * side }, (_, i) => (at(i % side, Math.floor(i / side)) ? 255 : 0));
      return { data, width: side, height: side };
    },
  }),
});

const part = { source: stripes, preprocessing: "decode|value_range(-1,1)" };
const recipe = defineRecipe({
  model: { name: "vit", patchSize: 4, width: 32, depth: 2, heads: 2, mlpDim: 64, imageSize: side },
  data: { train: part, evaluation: part },
  batchSize: 32,
  total: { steps: 60 },
  objective: { name: "softmax" },
  optimizer: { name: "adamw", learningRate: 2e-3 },
  output: await mkdtemp(join(tmpdir(), "fovea-run-")),
});
const { evaluation } = await train(recipe, { resume: true, silent: true });
console.log(`accuracy: ${(100 * (evaluation?.accuracy ?? 0)).toFixed(0)} %`);

await using network = await open(recipe.output);
await using source = await images(stripes);
console.log(await network.classify((await source.get(1)).image, { top: 2 }));
