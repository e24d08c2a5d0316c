/** Few-shot accuracy on a folder of photos, with its spread over draws of the examples. usage: few-shot.ts [PHOTOS] */
import { fewshot } from "fovea";

const [photos = "embedded:clothing?only=hat,pants,shorts"] = process.argv.slice(2);

const { summary, chance } = await fewshot(photos, { backbone: "embedded:tiny", shots: [1, 5], seeds: 3 });
for (const { shots, mean, standardDeviation } of summary) {
  console.log(`${shots}-shot: ${(100 * mean).toFixed(1)} ± ${(100 * standardDeviation).toFixed(1)} %`);
}
console.log(`chance: ${(100 * chance).toFixed(1)} %`);
