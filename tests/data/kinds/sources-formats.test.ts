/** What each format of image source refuses: damaged, hostile and odd files. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createLoader } from "../../../src/data/index.js";
import { collect } from "../../support/batches.js";
import { flat, idx, openUntilEnd, parquet, sampleFiles, tar, temporaryFolder, write } from "../../support/pictures.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);

describe("tar", () => {
  test("a path that leads out of the archive is refused", async () => {
    for (const name of ["../escape/a.png", "/etc/a.png", "a/../../b.png"]) {
      writeFileSync(at("escape.tar"), tar({ [name]: await flat(1) }));
      await expect(openUntilEnd(at("escape.tar"))).rejects.toThrow(/leads out of the archive/);
    }
  });

  test("an archive that is cut off is refused", async () => {
    const whole = tar(await sampleFiles());
    writeFileSync(at("cut.tar"), whole.subarray(0, 512 + 40));
    await expect(openUntilEnd(at("cut.tar"))).rejects.toThrow(
      /is cut off: the entry at byte 0 needs \d+ bytes, 40 are left/,
    );
    const damaged = Buffer.from(whole);
    damaged[1024 + 20] = 1;
    writeFileSync(at("damaged.tar"), damaged);
    await expect(openUntilEnd(at("damaged.tar"))).rejects.toThrow(/is damaged at byte 1024/);
  });
});

describe("Parquet", () => {
  const row = async (label: number) => ({ bytes: await flat(label), path: "x.png", label });

  test("bytes come out unharmed, also those that are not text", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    write(at("bytes"), { "train.parquet": parquet([{ bytes, path: "all", label: 0 }], { names: ["a"] }) });
    const { image } = await (await openUntilEnd(at("bytes"))).get(0);
    expect(image.kind === "encoded" && [...image.bytes]).toEqual([...bytes]);
  });

  test("many shards come in their order, and are the same to several threads", async () => {
    const rows = await Promise.all(Array.from({ length: 24 }, (_, i) => flat(10 * i)));
    for (const [i, bytes] of rows.entries()) {
      const name = `train-${String(i).padStart(5, "0")}-of-00024.parquet`;
      write(at("many"), { [name]: parquet([{ bytes, path: "", label: i % 2 }], { names: ["a", "b"] }) });
    }
    const options = { batchSize: 5, preprocessing: "decode|value_range(0, 255)", seed: 1, epochs: 2 };
    const [here, there] = await Promise.all(
      [0, 3].map((workers) => collect(createLoader(at("many"), { ...options, workers }))),
    );
    expect(there).toEqual(here);
    for (const { indices, image } of here!)
      for (const [slot, index] of indices.entries()) expect(image[slot * 192]).toBe(10 * index);
  });

  test("labels outside of the classes are refused", async () => {
    write(at("hidden"), {
      "test.parquet": parquet([await row(0), { ...(await row(0)), label: -1 }], { names: ["a"] }),
    });
    await expect(openUntilEnd(at("hidden"), { split: "test" })).rejects.toThrow(
      /Row 1 of .* has the label -1, which is not one of the 1 classes/,
    );
  });

  test("columns can be named, and a missing one lists those there are", async () => {
    write(at("columns"), { "train.parquet": parquet([await row(0), await row(1)]) });
    await expect(openUntilEnd(`${at("columns")}?label=kind`)).rejects.toThrow(
      /has no label column "kind"; its columns are image, label; choose one in the spec/,
    );
    const source = await openUntilEnd(`parquet:${at("columns/train.parquet")}?label=label&image=image&classes=a,b`);
    expect(source.classNames).toEqual(["a", "b"]);
  });

  test("a class list of another form is refused", async () => {
    write(at("names"), { "train.parquet": parquet([await row(0)]), "classes.json": JSON.stringify({ a: 1 }) });
    await expect(openUntilEnd(at("names"))).rejects.toThrow(/classes.json" does not list class names: expected/);
  });
});

describe("IDX", () => {
  test("damaged files are refused by what is wrong with them", async () => {
    const images = idx([2, 8, 8], new Uint8Array(128));
    const labels = idx([2], Uint8Array.of(0, 1));
    const open = async (files: Record<string, Uint8Array>) => {
      const folder = temporaryName();
      write(at(folder), files);
      const source = await openUntilEnd(at(folder));
      return source.get(0);
    };
    const names = { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" };
    await expect(open({ [names.images]: images })).rejects.toThrow(
      /labels of .* are missing; expected train-labels-idx1-ubyte or/,
    );
    await expect(open({ [names.images]: images.subarray(0, 100), [names.labels]: labels })).rejects.toThrow(
      /has 84 values; expected 128 \(2 x 8 x 8\), so it is truncated/,
    );
    await expect(open({ [names.images]: labels, [names.labels]: labels })).rejects.toThrow(
      /is not an IDX file; expected unsigned bytes with 3 or 4 dimension/,
    );
    await expect(open({ [names.images]: images, [names.labels]: idx([3], new Uint8Array(3)) })).rejects.toThrow(
      /has 2 images, but its labels file has 3 labels/,
    );
    await expect(
      open({ [`${names.images}.gz`]: gzipSync(images).subarray(0, 20), [names.labels]: labels }),
    ).rejects.toThrow(/is not a complete gzip file/);
    expect((await open({ [names.images]: images, [names.labels]: labels })).image).toMatchObject({
      height: 8,
      width: 8,
      channels: 1,
    });
    const colour = idx([1, 2, 2, 3], new Uint8Array(12));
    expect(
      (await open({ "train-images-idx4-ubyte": colour, [names.labels]: idx([1], Uint8Array.of(0)) })).image,
    ).toMatchObject({ channels: 3 });
  });

  let made = 0;
  const temporaryName = () => `idx-${made++}`;
});
