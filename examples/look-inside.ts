/** Looks into a network: how far its attention reaches, as numbers and as a report. usage: look-inside.ts [NETWORK PHOTOS] */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse } from "fovea";

const [network = "embedded:small", photos] = process.argv.slice(2);
const output = await mkdtemp(join(tmpdir(), "fovea-inspect-"));
const { results } = await analyse(network, {
  images: photos,
  count: 8,
  only: ["attention-distance", "similarity"],
  output,
});
for (const { name, title } of results) console.log(`${name}: ${title}`);
console.log(join(output, "report.html"));
