/** TFRecord and CIFAR files that are odd or broken. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openSource } from "../../../src/data/index.js";
import { parseExample } from "../../../src/formats/tf-example.js";
import { flat, openUntilEnd, tar, temporaryFolder, write } from "../../support/pictures.js";
import { cifar, example, records } from "../../support/records.js";

const root = temporaryFolder();
const at = (path: string) => join(root, path);
process.env["FOVEA_CACHE"] = at("cache");
let made = 0;
const file = (content: Uint8Array): string => {
  const path = at(`${made++}.tfrecord`);
  writeFileSync(path, content);
  return path;
};

describe("TFRecord", () => {
  test("features by name, labels as text, what TFDS writes beside", async () => {
    const png = await flat(7);
    const path = file(records([example({ pixels: png, kind: "dog" }), example({ pixels: png, kind: "cat" })]));
    const source = await openUntilEnd(`${path}?image=pixels&label=kind`);
    expect([source.classNames, [...source.labels]]).toEqual([
      ["cat", "dog"],
      [1, 0],
    ]);
    expect((await source.get(1)).image).toEqual({ kind: "encoded", bytes: new Uint8Array(png) });
    await expect(openSource(path)).rejects.toThrow(
      /record 0 at byte 0 has no feature image\/class\/label or label; it has pixels, kind; choose one in the spec/,
    );
    const features = { featuresDict: { features: { label: { classLabel: { numClasses: "4" } } } } };
    write(at("set"), {
      "x-00000-of-00003": records([example({ image: png, label: 1 })]),
      "features.json": JSON.stringify(features),
    });
    const numbered = await openUntilEnd(at("set"));
    expect([numbered.split, numbered.classNames]).toEqual(["x", ["0", "1", "2", "3"]]);
  });

  test("files that are compressed with gzip", async () => {
    const pictures = await Promise.all([3, 4].map((level) => flat(level)));
    const whole = records(pictures.map((image, label) => example({ image, label })));
    const path = file(gzipSync(whole));
    for (let again = 0; again < 2; again++) {
      const source = await openUntilEnd(path);
      expect([source.length, [...source.labels], source.idOf?.(1)]).toEqual([2, [0, 1], `${path}#1`]);
      expect((await source.get(1)).image).toEqual({ kind: "encoded", bytes: new Uint8Array(pictures[1] ?? []) });
    }
    await expect(openSource(file(gzipSync(whole).subarray(0, -20)))).rejects.toThrow(/cannot be decompressed/);
    await expect(openSource(file(deflateSync(whole)))).rejects.toThrow(/GZIP are supported, ZLIB is not/);
  });

  test("damage is named by record and byte", async () => {
    const whole = records([example({ image: await flat(1), label: 0 }), example({ image: await flat(2), label: 1 })]);
    const changed = (offset: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes[offset]! ^= 1;
      return bytes;
    };
    await expect(openSource(file(whole.subarray(0, whole.length - 3)))).rejects.toThrow(
      /record 1 at byte \d+: the file is truncated/,
    );
    await expect(openSource(file(changed(0)))).rejects.toThrow(
      /record 0 at byte 0 is damaged, or the file is not a TFRecord file/,
    );
    await expect(openSource(file(changed(100)))).rejects.toThrow(/record 0 at byte 0 does not match its checksum/);
    const path = file(whole);
    const source = await openUntilEnd(path);
    writeFileSync(path, changed(100));
    await expect(source.get(0)).rejects.toThrow(/#0: the record does not match its checksum/);
    expect((await source.get(1)).label).toBe(1);
  });

  test("lengths that lie are refused, not believed", () => {
    const message = example({ image: "x", label: 300 });
    expect(parseExample(message).get("label")).toEqual([300]);
    expect(parseExample(example({ label: -5 })).get("label")).toEqual([-5]);
    expect(() => parseExample(Uint8Array.of(10, 0xff, 0xff, 0xff, 0xff, 0x0f))).toThrow(
      /4294967295 bytes does not fit/,
    );
    expect(() => parseExample(message.subarray(0, 5))).toThrow(/does not fit/);
    expect(() => parseExample(new Uint8Array(20).fill(0xff))).toThrow(/more than ten bytes/);
  });
});

describe("CIFAR", () => {
  test("fine labels, and files that are none", async () => {
    write(at("c100"), { "train.bin": cifar([{ labels: [3, 42], level: 9 }]) });
    const source = await openUntilEnd(at("c100"));
    expect([source.classNames.length, source.labels[0], source.idOf!(0)]).toEqual([
      100,
      42,
      `${at("c100/train.bin")}#0`,
    ]);
    write(at("cut"), { "data_batch_1.bin": cifar([{ labels: [1], level: 0 }]).subarray(1) });
    await expect(openSource(at("cut"))).rejects.toThrow(/has 3072 bytes; expected a multiple of the record size 3073/);
    write(at("odd"), { "data_batch_1.bin": cifar([{ labels: [10], level: 0 }]) });
    await expect(openSource(at("odd"))).rejects.toThrow(/record 0: label 10 is out of range for 10 classes/);
    await expect(openSource(`${at("odd")}?label=coarse`)).rejects.toThrow(
      /unknown label "coarse"; expected fine or, for CIFAR-100, coarse/,
    );
  });

  test("an archive that is cut off or holds something else", async () => {
    const packed = gzipSync(tar({ "x/data_batch_1.bin": cifar([{ labels: [1], level: 0 }]) }));
    writeFileSync(at("cut.tar.gz"), packed.subarray(0, packed.length - 10));
    await expect(openSource(`cifar:${at("cut.tar.gz")}`)).rejects.toThrow(
      /cannot be decompressed: unexpected end of file/,
    );
    writeFileSync(at("other.tar.gz"), gzipSync(tar({ "x.txt": Buffer.from("x") })));
    await expect(openSource(`cifar:${at("other.tar.gz")}`)).rejects.toThrow(/no CIFAR files in ".*other.tar.gz"/);
  });
});
