/** Near-duplicates between training and test images, and a list to exclude them with `?exclude=`. usage: near-duplicates.ts [TRAIN TEST] */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dedup } from "fovea";

const [train = "embedded:clothing?take=100", test] = process.argv.slice(2);
const exclude = join(await mkdtemp(join(tmpdir(), "fovea-")), "exclude.txt");
const found = await dedup(train, { against: test === undefined ? undefined : [test], exclude, cache: false });
for (const { name, split, images } of found.sets) console.log(`${name}, ${split}: ${images} images`);
console.log(`${found.groups.length} groups; exclude ${found.leaveOut.length} training images, listed in ${exclude}`);
