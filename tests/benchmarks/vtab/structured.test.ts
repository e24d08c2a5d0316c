/** The structured tasks on small sets in the layouts they are published in. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, gzipSync } from "node:zlib";
import { File as Hdf5Writer, ready } from "h5wasm/node";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { clevrCountTask, clevrDistanceTask } from "../../../src/benchmarks/vtab/sets/clevr.js";
import { scenesIn } from "../../../src/benchmarks/vtab/sets/clevr-scenes.js";
import { dmlab } from "../../../src/benchmarks/vtab/sets/dmlab.js";
import { dspritesLocation, dspritesOrientation } from "../../../src/benchmarks/vtab/sets/dsprites.js";
import { driveSplits, kittiDistanceTask } from "../../../src/benchmarks/vtab/sets/kitti.js";
import type { StoredFiles } from "../../../src/benchmarks/vtab/sets/places.js";
import { smallnorbAzimuth, smallnorbElevation } from "../../../src/benchmarks/vtab/sets/smallnorb.js";
import { closable } from "../../../src/files/closable.js";
import { createNumpyChoice } from "../../../src/random/numpy-legacy.js";
import { npy, zip } from "../../support/archives.js";
import { temporaryFolder, write } from "../../support/pictures.js";
import { expectSplits, norb, open, ordered, rawAt, textAt, writeTfds } from "./support.js";

const root = temporaryFolder();
process.env["FOVEA_CACHE"] = join(root, "cache");
const at = (path: string) => join(root, path);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const bytes = (text: string) => Buffer.from(text);
const anyLabel = () => expect.any(Number) as number;

describe("CLEVR", () => {
  const name = (split: string, i: number) => `CLEVR_${split}_${String(i).padStart(6, "0")}.png`;
  // The depths of the objects of scene i.
  const depths = (i: number) => range(3 + (i % 8)).map((k) => 7.5 + 0.5 * (i % 7) + k);
  const scenes = (split: string, count: number) =>
    JSON.stringify({
      info: { split, note: 'a "scenes": [{ in a text' },
      scenes: range(count).map((i) => ({
        image_filename: name(split, i),
        objects: depths(i).map((depth) => ({ shape: "cube", pixel_coords: [1, 2, depth], "3d_coords": [0, 0, 0] })),
        relationships: { right: [[]], text: 'a } and a \\" and ]' },
      })),
    });
  const files = {
    "scenes/CLEVR_train_scenes.json": bytes(scenes("train", 20)),
    "scenes/CLEVR_val_scenes.json": bytes(scenes("val", 6)),
    ...Object.fromEntries(range(20).map((i) => [`images/train/${name("train", i)}`, bytes(`train ${i}`)])),
    ...Object.fromEntries(range(6).map((i) => [`images/val/${name("val", i)}`, bytes(`val ${i}`)])),
  };
  const train = ordered(
    "train",
    range(20).map((i) => name("train", i)),
  );
  const expected = {
    train: train.slice(0, 18),
    validation: train.slice(18),
    test: ordered(
      "validation",
      range(6).map((i) => name("val", i)),
    ),
  };
  const numberOf = (key: string) => Number(/(\d+)\.png$/.exec(key)![1]);

  test("counts and distances from images and scenes, in a folder and in the published archive", async () => {
    write(at("clevr/clevr/CLEVR_v1.0"), files);
    mkdirSync(at("clevr-zip"));
    const entries = Object.entries(files).map(([path, content]) => ({
      name: `CLEVR_v1.0/${path}`,
      content,
      ...(path.endsWith(".json") && { method: 8, stored: deflateRawSync(content) }),
    }));
    writeFileSync(at("clevr-zip/CLEVR_v1.0.zip"), zip(entries));
    const distanceOf = (key: string) => [0, 0, 1, 2, 3, 4, 5][numberOf(key) % 7]!;
    for (const folder of ["clevr", "clevr-zip"]) {
      expectSplits(await open(clevrCountTask, at(folder)), /([^/]+)$/, expected, (key) => numberOf(key) % 8);
      const distance = await open(clevrDistanceTask, at(folder));
      expectSplits(distance, /([^/]+)$/, expected, distanceOf);
      expect(await textAt(distance.test, 2)).toBe(`val ${numberOf(expected.test[2]!)}`);
    }
  });

  test("TFDS's records, whose objects are lists of numbers", async () => {
    const row = (i: number) => ({
      image: `picture ${i}`,
      "objects/pixel_coords": Float32Array.from(depths(i).flatMap((depth) => [5, 6, depth])),
    });
    writeTfds(at("clevr-tfds"), ["clevr", "3.1.0"], "train", range(10).map(row));
    writeTfds(at("clevr-tfds"), ["clevr", "3.1.0"], "validation", range(4).map(row));
    const count = await open(clevrCountTask, at("clevr-tfds"));
    expect([...count.train.labels, ...count.validation.labels]).toEqual(range(10).map((i) => i % 8));
    const distance = await open(clevrDistanceTask, at("clevr-tfds"));
    expect([...distance.test.labels]).toEqual([0, 0, 1, 2]);
    expect(await textAt(distance.test, 3)).toBe("picture 3");
    writeTfds(at("clevr-old"), ["clevr", "3.0.0"], "train", [
      { image: "a", label: 1 },
      { image: "b", label: 2 },
    ]);
    await expect(open(clevrCountTask, at("clevr-old"))).rejects.toThrow(
      /Clevr-Count: ".*", record 0 at byte 0 has no feature "objects\/pixel_coords"; it has image, label/,
    );
  });

  test("scenes that are cut off, or are none, are refused by name", () => {
    const text = scenes("train", 3);
    const read = (content: string) => [...scenesIn(bytes(content), "scenes.json")];
    expect(read(text)).toHaveLength(3);
    expect(read('{"scenes": []}')).toEqual([]);
    expect(() => read(text.slice(0, -30))).toThrow(/"scenes.json" is cut off after 2 scenes/);
    expect(() => read('{"info": []}')).toThrow(/has no list of scenes/);
    expect(() => read('{"scenes": [{"image_filename": "a.png"}]}')).toThrow(
      /scene 0: it has no image_filename and objects/,
    );
    expect(() => read('{"scenes": [{"image_filename": "../a.png", "objects": []}]}')).toThrow(/scene 0/);
    expect(() => read('{"scenes": [{nonsense}]}')).toThrow(/scene 0: it is not valid JSON/);
  });
});

describe("KITTI", () => {
  const object = (type: string, z: number) =>
    `${type} 0.00 0 -1.57 599.41 156.40 629.75 189.25 2.85 2.63 12.34 0.47 1.49 ${z} -1.56`;
  const drives = range(21).map((i) => `2011_09_26_drive_${String(i).padStart(4, "0")}_sync`);
  const mapping = range(63).map((i) => `2011_09_26 ${drives[i % 21]} ${String(i).padStart(10, "0")}`);
  // Images are of lines of the mapping in another order, counted from 1.
  const lines = range(42).map((i) => 1 + ((i * 10) % 63));
  const driveOf = (image: number) => drives[(lines[image]! - 1) % 21]!;
  const file = (i: number, ending: string) => `${String(i).padStart(6, "0")}.${ending}`;
  const depth = (i: number) => [5, 8, 8.01, 20, 30][i % 5]!;
  const text = (i: number) =>
    i % 6 === 5
      ? `${object("Pedestrian", 3)}\n${object("DontCare", -1000)}\n`
      : `${object("Cyclist", 1)}\n${object("Van", depth(i) + 4)}\n${object("Car", depth(i))}\n${object("DontCare", -1000)}\n`;
  const labelOf = (key: string) => {
    const i = Number.parseInt(key, 10);
    return i % 6 === 5 ? 3 : [0, 0, 1, 1, 2][i % 5]!;
  };
  const images = Object.fromEntries(range(42).map((i) => [`training/image_2/${file(i, "png")}`, bytes(`image ${i}`)]));
  const labels = Object.fromEntries(range(42).map((i) => [`training/label_2/${file(i, "txt")}`, bytes(text(i))]));
  const kit = {
    "mapping/train_rand.txt": bytes(`${lines.join(",")}\n`),
    "mapping/train_mapping.txt": bytes(`${mapping.join("\n")}\n`),
  };

  test("images, labels and the development kit: whole drives are held out", async () => {
    write(at("kitti/kitti"), { ...images, ...labels, ...kit });
    mkdirSync(at("kitti-zip/kitti"), { recursive: true });
    const archive = (files: Record<string, Uint8Array>) =>
      zip(Object.entries(files).map(([name, content]) => ({ name, content })));
    writeFileSync(at("kitti-zip/kitti/data_object_image_2.zip"), archive(images));
    writeFileSync(at("kitti-zip/kitti/data_object_label_2.zip"), archive(labels));
    writeFileSync(at("kitti-zip/kitti/devkit_object.zip"), archive({ ...kit, "readme.txt": bytes("") }));
    // numpy draws 2 of the 21 sorted drives to test, then 2 of the others.
    const choose = createNumpyChoice(123);
    const used = [...new Set(range(42).map(driveOf))].sort();
    const tested = choose(used, 2);
    const validated = choose(
      used.filter((drive) => !tested.includes(drive)),
      2,
    );
    const of = (wanted: (drive: string) => boolean) =>
      range(42)
        .filter((i) => wanted(driveOf(i)))
        .map((i) => file(i, "png"));
    const expected = {
      train: ordered(
        "train",
        of((drive) => !tested.includes(drive) && !validated.includes(drive)),
      ),
      validation: ordered(
        "validation",
        of((drive) => validated.includes(drive)),
      ),
      test: ordered(
        "test",
        of((drive) => tested.includes(drive)),
      ),
    };
    expect(expected.test).toHaveLength(4);
    for (const folder of ["kitti", "kitti-zip"]) {
      const splits = await open(kittiDistanceTask, at(folder));
      expectSplits(splits, /([^/]+)$/, expected, labelOf);
      expect(await textAt(splits.test, 1)).toBe(`image ${Number.parseInt(expected.test[1]!, 10)}`);
    }
  });

  test("a label that describes no object, and a kit of another set, are refused by name", async () => {
    const wrong = { ...labels, "training/label_2/000007.txt": bytes("Bus 1 2 3\n") };
    write(at("kitti-bad/kitti"), { ...images, ...wrong, ...kit });
    await expect(open(kittiDistanceTask, at("kitti-bad"))).rejects.toThrow(
      /label_2\/000007.txt, line 1: "Bus 1 2 3" is not the description of an object/,
    );
    const short: Record<string, string> = {
      "train_rand.txt": "1,2,9",
      "train_mapping.txt": mapping.slice(0, 3).join("\n"),
    };
    const stored = closable<StoredFiles>({
      path: "kit",
      names: [],
      has: () => true,
      read: async (name: string) => bytes(short[name]!),
      close: async () => {},
    });
    await expect(driveSplits(stored)).rejects.toThrow(/image 2 is line "9" of train_mapping.txt, which has 3/);
  });

  test("TFDS's records", async () => {
    const row = (types: number[], z: number[]) => ({
      image: "picture",
      "objects/type": types,
      "objects/location": Float32Array.from(z.flatMap((one) => [1, 2, one])),
    });
    const rows = [row([0, 3], [8.01, 2]), row([3], [2]), row([1], [4]), row([2, 2], [40, 21])];
    for (const split of ["train", "validation", "test"]) writeTfds(at("kitti-tfds"), ["kitti", "3.1.0"], split, rows);
    const splits = await open(kittiDistanceTask, at("kitti-tfds"));
    expect([...splits.test.labels]).toEqual([1, 3, 0, 2]);
  });
});

test("DMLab: the published records and TFDS's, in the order of their files' names", async () => {
  const rows = range(9).map((i) => ({ filename: `frame_${i}.jpg`, image: `frame ${i}`, label: i % 6 }));
  const order = ordered(
    "train",
    rows.map(({ filename }) => filename),
  );
  for (const split of ["train", "validation", "test"]) {
    writeTfds(at("dmlab"), ["dmlab"], split, rows);
    // As TFDS has prepared them: sorted already.
    const sorted = ordered(
      split,
      rows.map(({ filename }) => filename),
    ).map((name) => rows[Number(name[6])]!);
    writeTfds(at("dmlab-tfds"), ["dmlab", "2.0.1"], split, sorted);
  }
  for (const folder of ["dmlab", "dmlab-tfds"]) {
    const splits = await open(dmlab, at(folder));
    const expected = { train: order, validation: ordered("validation", order), test: ordered("test", order) };
    expectSplits(splits, /:(.*)$/, expected, (key) => Number(key[6]) % 6);
    expect(await textAt(splits.train, 4)).toBe(`frame ${order[4]![6]}`);
  }
  write(at("dmlab-archive/dmlab"), { "dmlab.tar.gz": "" });
  await expect(open(dmlab, at("dmlab-archive"))).rejects.toThrow(/unpack .*dmlab.tar.gz beside itself: tar -xzf/);
});

describe("dSprites", () => {
  const count = 20;
  const stem = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64";
  // Image i has one row of ink, and i % 40 and 3i % 32 as its orientation and x.
  const images = Uint8Array.from({ length: count * 4096 }, (_, i) =>
    Math.floor(i / 64) % 64 === Math.floor(i / 4096) ? 1 : 0,
  );
  const classes = BigInt64Array.from(
    range(count)
      .flatMap((i) => [0, 1, 2, 2 * i, (3 * i) % 32, 5])
      .map(BigInt),
  );
  const order = ordered("train", range(count));
  const expected = { train: order.slice(0, 16), validation: order.slice(16, 18), test: order.slice(18) };

  test("HDF5 and npz: 16 classes of orientation and of x, white on black", async () => {
    await ready;
    mkdirSync(at("sprites/dsprites"), { recursive: true });
    const file = new Hdf5Writer(at(`sprites/dsprites/${stem}.hdf5`), "w");
    file.create_dataset({
      name: "imgs",
      data: images,
      shape: [count, 64, 64],
      dtype: "<B",
      chunks: [8, 64, 64],
      compression: 4,
    });
    file.create_group("latents").create_dataset({ name: "classes", data: classes, shape: [count, 6], dtype: "<q" });
    file.close();
    const array = (descr: string, shape: string, data: Uint8Array) =>
      npy(`{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`, data);
    const members = {
      // A pickled dictionary, which is not looked at.
      "metadata.npy": array("|O", "", bytes("pickle")),
      "imgs.npy": array("|u1", `${count}, 64, 64`, images),
      "latents_classes.npy": array("<i8", `${count}, 6`, new Uint8Array(classes.buffer)),
    };
    mkdirSync(at("sprites-npz"));
    const archive = zip(
      Object.entries(members).map(([name, content]) => ({ name, content, method: 8, stored: deflateRawSync(content) })),
    );
    writeFileSync(at(`sprites-npz/${stem}.npz`), archive);
    for (const folder of ["sprites", "sprites-npz"]) {
      const orientation = await open(dspritesOrientation, at(folder));
      expectSplits(orientation, /#(\d+)$/, expected, (key) => Math.floor((2 * Number(key)) / 2.5));
      const location = await open(dspritesLocation, at(folder));
      expectSplits(location, /#(\d+)$/, expected, (key) => Math.floor(((3 * Number(key)) % 32) / 2));
      const { data, channels } = await rawAt(location.test, 1);
      expect(channels).toBe(1);
      expect([...data.keys()].filter((i) => data[i] !== (Math.floor(i / 64) === order[19] ? 255 : 0))).toEqual([]);
    }
    const damaged = Buffer.from(archive);
    damaged[damaged.indexOf("imgs.npy") + 60]! ^= 0xff;
    mkdirSync(at("sprites-bad"));
    writeFileSync(at(`sprites-bad/${stem}.npz`), damaged);
    await expect(open(dspritesLocation, at("sprites-bad"))).rejects.toThrow(
      /dSpr-Loc: ".*npz" cannot be (read|repacked)/,
    );
  });

  test("TFDS's records: PNG files of 0 and 1", async () => {
    const row = async (i: number) => ({
      image: await sharp(Buffer.alloc(4096, i % 2), { raw: { width: 64, height: 64, channels: 1 } })
        .png()
        .toBuffer(),
      label_orientation: 2 * i,
      label_x_position: i,
    });
    writeTfds(at("sprites-tfds"), ["dsprites", "2.0.0"], "train", await Promise.all(range(10).map(row)));
    const splits = await open(dspritesOrientation, at("sprites-tfds"));
    expect([...splits.train.labels]).toEqual(range(8).map((i) => Math.floor((2 * i) / 2.5)));
    const levels = await Promise.all([0, 1].map(async (i) => (await rawAt(splits.train, i)).data[77]));
    expect(levels).toEqual([0, 255]);
    expect((await open(dspritesLocation, at("sprites-tfds"))).test.labels).toEqual(Int32Array.of(4));
  });
});

describe("small NORB", () => {
  const photo = 2 * 96 * 96;
  const stems = {
    train: "smallnorb-5x46789x9x18x6x2x96x96-training",
    test: "smallnorb-5x01235x9x18x6x2x96x96-testing",
  };
  const images = (count: number) =>
    norb(
      [count, 2, 96, 96],
      Uint8Array.from({ length: count * photo }, (_, i) => Math.floor(i / (photo / 2))),
    );
  const info = (count: number) =>
    norb([count, 4], Int32Array.from(range(count).flatMap((i) => [0, i % 9, 2 * (i % 18), 3])));

  test("the publisher's matrices, compressed or not: the left camera, azimuth and elevation", async () => {
    write(at("norb/smallnorb"), {
      [`${stems.train}-dat.mat`]: images(12),
      [`${stems.train}-info.mat`]: info(12),
      [`${stems.test}-dat.mat.gz`]: gzipSync(images(8)),
      [`${stems.test}-info.mat.gz`]: gzipSync(info(8)),
    });
    const tested = ordered("test", range(8));
    const expected = { train: ordered("train", range(12)), validation: tested.slice(0, 4), test: tested.slice(4) };
    const azimuth = await open(smallnorbAzimuth, at("norb"));
    expectSplits(azimuth, /#(\d+)$/, expected, (key) => Number(key) % 18);
    const elevation = await open(smallnorbElevation, at("norb"));
    expectSplits(elevation, /#(\d+)$/, expected, (key) => Number(key) % 9);
    const { data, height, width, channels } = await rawAt(azimuth.validation, 2);
    expect([height, width, channels, data[0], data.at(-1)]).toEqual([96, 96, 1, 2 * tested[2]!, 2 * tested[2]!]);
    expectSplits(azimuth, /#(\d+)$/, expected, anyLabel);
  });

  test("damaged matrices are refused by name", async () => {
    const folder = at("norb-bad/smallnorb");
    const whole = images(2);
    const attempt = async (files: Record<string, Uint8Array>) => {
      write(folder, {
        [`${stems.train}-dat.mat`]: whole,
        [`${stems.train}-info.mat`]: info(2),
        [`${stems.test}-dat.mat`]: whole,
        [`${stems.test}-info.mat`]: info(2),
        ...files,
      });
      return await open(smallnorbAzimuth, at("norb-bad"));
    };
    const magic = Buffer.from(whole);
    magic[0] = 0;
    await expect(attempt({ [`${stems.test}-dat.mat`]: magic })).rejects.toThrow(
      /testing-dat.mat" is not a NORB matrix/,
    );
    await expect(attempt({ [`${stems.train}-dat.mat`]: whole.subarray(0, 5000) })).rejects.toThrow(
      /is cut off or damaged: 2 x 2 x 96 x 96 numbers take 36888 bytes/,
    );
    const hostile = Buffer.from(whole);
    hostile.writeUInt32LE(0xffffffff, 8);
    await expect(attempt({ [`${stems.train}-dat.mat`]: hostile })).rejects.toThrow(/is cut off or damaged/);
    await expect(attempt({ [`${stems.train}-info.mat`]: info(3) })).rejects.toThrow(/and 3 labels/);
    await expect(
      attempt({ [`${stems.train}-info.mat`]: norb([2, 4], Int32Array.of(0, 0, 36, 0, 0, 0, 1, 0)) }),
    ).rejects.toThrow(/row 0: unknown label 18; expected one of 18 classes/);
    await expect(attempt({ [`${stems.train}-info.mat`]: gzipSync(bytes("nothing")) })).rejects.toThrow(
      /is not a NORB matrix/,
    );
  });
});
