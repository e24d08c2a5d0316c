/**
 * Makes assets/data, the small real datasets in the package, from the full datasets:
 *
 *   npm run build
 *   node scripts/make-embedded-data.mjs CLOTHING_128.tar SIGN_DIGITS_64.tar FASHION_MNIST_FOLDER
 *
 * Every step is fixed (order, seed, encoder settings), so the same inputs and the same version of sharp give the same
 * files. assets/data/README.md says where the inputs come from.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import sharp from "sharp";
import { createRandom, openSource } from "../dist/data/index.js";

const assets = fileURLToPath(new URL("../assets/data/", import.meta.url));
const side = 64;
/** High enough that no blocks are visible at 64x64, with about 1.7 KB per image. */
const jpeg = { quality: 90, mozjpeg: true };
const rowGroupSize = 500;
const fashionPerClass = { train: 600, test: 100 };
const fashionClasses = [
  "t-shirt",
  "trouser",
  "pullover",
  "dress",
  "coat",
  "sandal",
  "shirt",
  "sneaker",
  "bag",
  "ankle boot",
];

const [clothing, signDigits, fashion] = process.argv.slice(2);
if (!fashion) {
  console.error("usage: node scripts/make-embedded-data.mjs CLOTHING_128.tar SIGN_DIGITS_64.tar FASHION_MNIST_FOLDER");
  process.exit(2);
}
await writePhotos("clothing", clothing, { train: "train", validation: "val", test: "test" });
await writePhotos("sign-digits", signDigits, { train: "train", test: "test" });
await writeFashion(fashion);

/** Writes photos as shards in Hugging Face's layout, shuffled so that any range of rows has all classes. */
async function writePhotos(name, path, splits) {
  for (const [split, from] of Object.entries(splits)) {
    const source = await openSource(path, { split: from });
    const order = shuffled(source.length, `${name} ${split}`);
    const image = [];
    const label = [];
    for (const index of order) {
      const example = await source.get(index);
      const { width, height } = await sharp(example.image.bytes).metadata();
      // Images that already have the right size are copied unchanged: encoding again would only lose quality.
      const bytes =
        width === side && height === side
          ? example.image.bytes
          : await sharp(example.image.bytes).resize(side, side).jpeg(jpeg).toBuffer();
      image.push({ bytes: new Uint8Array(bytes), path: example.id.split("/").slice(-2).join("/") });
      label.push(BigInt(example.label));
    }
    const features = { image: { _type: "Image" }, label: { _type: "ClassLabel", names: source.classNames } };
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: "image", data: image },
        { name: "label", data: label },
      ],
      schema: [
        { name: "schema", num_children: 2 },
        { name: "image", num_children: 2, repetition_type: "REQUIRED" },
        { name: "bytes", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
        { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
        { name: "label", type: "INT64", repetition_type: "REQUIRED" },
      ],
      codec: "UNCOMPRESSED",
      statistics: false,
      rowGroupSize,
      kvMetadata: [{ key: "huggingface", value: JSON.stringify({ info: { features } }) }],
    });
    report(`${name}/${split}-00000-of-00001.parquet`, new Uint8Array(buffer), `${source.length} images`);
    await source.close();
  }
}

/** Writes Fashion-MNIST as IDX files like the original's, with equally many images of each class. */
async function writeFashion(path) {
  for (const [split, perClass] of Object.entries(fashionPerClass)) {
    const source = await openSource(`idx:${path}`, { split });
    const left = new Array(fashionClasses.length).fill(perClass);
    const chosen = shuffled(source.length, `fashion ${split}`).filter((index) => left[source.labels[index]]-- > 0);
    const pixels = new Uint8Array(chosen.length * 28 * 28);
    for (const [i, index] of chosen.entries()) pixels.set((await source.get(index)).image.data, i * 28 * 28);
    const prefix = split === "train" ? "train" : "t10k";
    const labels = Uint8Array.from(chosen, (index) => source.labels[index]);
    report(`fashion/${prefix}-images-idx3-ubyte.gz`, idx([chosen.length, 28, 28], pixels), `${chosen.length} images`);
    report(`fashion/${prefix}-labels-idx1-ubyte.gz`, idx([chosen.length], labels), "");
    await source.close();
  }
  report("fashion/classes.json", Buffer.from(`${JSON.stringify(fashionClasses)}\n`), "");
}

function idx(sizes, values) {
  const header = Buffer.alloc(4 + 4 * sizes.length);
  header.writeUInt32BE(0x0800 + sizes.length, 0);
  for (const [i, size] of sizes.entries()) header.writeUInt32BE(size, 4 + 4 * i);
  return gzipSync(Buffer.concat([header, values]), { level: 9 });
}

function shuffled(length, key) {
  const random = createRandom("embedded", key);
  const order = Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function report(name, bytes, note) {
  const path = join(assets, name);
  mkdirSync(join(path, ".."), { recursive: true });
  rmSync(path, { force: true });
  writeFileSync(path, bytes);
  console.log(`${name}: ${(bytes.length / 1e6).toFixed(2)} MB ${note}`);
}
