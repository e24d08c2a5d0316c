/** A classifier of one's own photos: fitted, used, saved, and opened again. usage: classifier.ts [PHOTOS PHOTO] */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fit, images, open } from "fovea";

const [photos = "embedded:clothing?only=hat,pants&take=40&balanced=true", given] = process.argv.slice(2);
await using others = await images("embedded:clothing?only=hat,pants", { split: "test" });
const photo = given ?? (await others.get(0)).image;

await using classifier = await fit(photos, { backbone: "embedded:tiny" });
console.log(`expected accuracy: ${(100 * classifier.expected.accuracy).toFixed(0)} %`);
console.log(await classifier.predict(photo, { top: 2 }));

const folder = join(await mkdtemp(join(tmpdir(), "fovea-")), "clothes");
await classifier.save(folder);
await using opened = await open(folder);
console.log("saved and opened again:", (await opened.classify(photo))[0]?.name);
