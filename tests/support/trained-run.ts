/** A tiny network, trained for a few steps into a temporary folder, for tests of what is done with trained networks. */
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { type RecipeInput, resolveRecipe, train } from "../../src/train/index.js";

export const temporaryFolder = (name: string): string => mkdtempSync(join(tmpdir(), `fovea-${name}-`));

/** A ViT of depth 1 and width 16 on generated shapes of 16 pixels; four classes (the shapes). */
export const tinyRecipe = (output: string, changes: Partial<RecipeInput> = {}): RecipeInput => ({
  model: { name: "vit", patchSize: 8, width: 16, depth: 1, heads: 2, mlpDim: 32, imageSize: 16 },
  data: {
    train: {
      source: "generated:shapes?label=shape&size=16&length=24",
      preprocessing: "decode|flip_lr|value_range(-1,1)",
    },
    evaluation: {
      source: "generated:shapes?label=shape&size=16&length=9",
      preprocessing: "decode|value_range(-1,1)",
    },
    workers: 0,
  },
  batchSize: 4,
  total: { steps: 3 },
  optimizer: { name: "adamw", learningRate: 1e-2 },
  evaluate: { every: { steps: 1 } },
  checkpoint: { every: { steps: 1 }, keepLast: 3 },
  threads: 1,
  output,
  ...changes,
});

/** Trains it; returns the folder of the run. */
export async function trainTiny(output: string, changes: Partial<RecipeInput> = {}): Promise<string> {
  await train(resolveRecipe(tinyRecipe(output, changes)), { silent: true });
  return output;
}

/** A folder of PNG files, `class/number.png`: each class a colour of its own, each image a shade of it. */
export async function imageFolder(root: string, counts: Readonly<Record<string, number>>, side = 20): Promise<string> {
  let hue = 0;
  for (const [name, count] of Object.entries(counts)) {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < count; i++) {
      const shade = 60 + (i % 16) * 12;
      const background = {
        r: hue % 3 === 0 ? shade : 20,
        g: hue % 3 === 1 ? shade : 20,
        b: hue % 3 === 2 ? shade : 20,
      };
      await sharp({ create: { width: side + 4, height: side, channels: 3, background } })
        .png()
        .toFile(join(folder, `${i}.png`));
    }
    hue++;
  }
  return root;
}
