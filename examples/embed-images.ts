/** Features of single images: their cosine says how similar two images are. usage: embed-images.ts [PHOTO PHOTO] */
import { images, open } from "fovea";

await using photos = await images("embedded:clothing", { split: "test" });
const given = process.argv.slice(2);
const [first, second] = [given[0] ?? (await photos.get(0)).image, given[1] ?? (await photos.get(200)).image];

await using network = await open("embedded:bit");
const [a, b] = [await network.embed(first), await network.embed(second)];
const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
console.log(`${a.length} features; cosine ${(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toFixed(3)}`);
