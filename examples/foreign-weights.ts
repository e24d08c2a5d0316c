/** Weights of another library: written here in timm's layout, then opened as any file of that layout. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { images, loadWeights, open, saveWeights } from "fovea";

const [given] = process.argv.slice(2);
const file = given ?? join(await mkdtemp(join(tmpdir(), "fovea-")), "vit.safetensors");
if (given === undefined) await saveWeights(file, await loadWeights("embedded:vit"), "timm");

await using network = await open(file);
await using photos = await images("embedded:clothing", { split: "test" });
const features = await network.embed((await photos.get(0)).image);
console.log(`${network.imageShape.join(" x ")} -> ${features.length} features, the first: ${features[0]?.toFixed(4)}`);
