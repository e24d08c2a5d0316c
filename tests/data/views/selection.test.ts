/** Specs that choose classes and examples, and specs joined in one. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLoader, openRecipe, openSource } from "../../../src/data/index.js";
import { splitSpecs } from "../../../src/data/views/selection.js";
import { flat, temporaryFolder, write } from "../../support/pictures.js";

const counted = "generated:shapes?label=count&counts=1-5&size=16&length=60&seed=3";

test("only and without choose classes and number them anew, in the source's order", async () => {
  const whole = await openSource(counted);
  const only = await openSource(`${counted}&only=2,4`);
  const without = await openSource(`${counted}&without=1,3,5`);
  expect(only.classNames).toEqual(["2", "4"]);
  expect(without.classNames).toEqual(["2", "4"]);
  expect([...only.labels]).toEqual([...without.labels]);
  const expected = [...whole.labels]
    .filter((label) => label === 1 || label === 3)
    .map((label) => (label === 1 ? 0 : 1));
  expect([...only.labels]).toEqual(expected);
});

test("take draws that many examples", async () => {
  expect((await openSource(`${counted}&take=7`)).length).toBe(7);
  await expect(openSource(`${counted}&take=none`)).rejects.toThrow(/invalid take/);
});

test("an unknown class is named with those there are", async () => {
  const byNumber = await openSource(`${counted}&classNumbers=1-2,4`);
  expect(byNumber.classNames).toEqual(["2", "3", "5"]);
  await byNumber.close();
  for (const wrong of ["5", "2-1", "one", ""])
    await expect(openSource(`${counted}&classNumbers=${wrong}`)).rejects.toThrow(/expected numbers from 0 to 4/);
  await expect(openSource(`${counted}&without=7`)).rejects.toThrow(/no class 7; its classes are 1, 2, 3, 4, 5/);
  await expect(openSource(`${counted}&only=7`)).rejects.toThrow(/7/);
});

test("a path that holds a plus sign between spaces is one source", async () => {
  const root = temporaryFolder();
  write(join(root, "cats + dogs"), { "cat/1.png": await flat(1), "dog/2.png": await flat(2) });
  write(join(root, "cats"), { "cat/1.png": await flat(1), "lynx/3.png": await flat(3) });
  const both = join(root, "cats + dogs");
  const opened = async (spec: string) => (await openSource(spec)).classNames;
  expect(await opened(both)).toEqual(["cat", "dog"]);
  expect(await opened(`folder:${both}?only=dog`)).toEqual(["dog"]);
  expect(await opened(`${both}/ + ${root}/cats`)).toEqual(["cats + dogs/cat", "dog", "cats/cat", "lynx"]);
  expect(await opened(`${root}/cats?only=lynx + ${both}?only=dog`)).toEqual(["lynx", "dog"]);
  expect(splitSpecs(`${root}/cats + ${root}/cats`)).toEqual([`${root}/cats`, `${root}/cats`]);
  await expect(openSource(`${root}/cats + dogs`)).resolves.toMatchObject({ length: 2 });
  await expect(openSource(`${root}/cats + wolves`)).rejects.toThrow(/there is no "wolves"/);
});

test("joined specs keep their classes apart, under names that do not depend on length or split", async () => {
  const names = async (length: number, split: string) => {
    const source = await openSource(
      `embedded:sign-digits?only=0,1&take=5 + generated:shapes?label=count&counts=1-2&size=16&length=${length}`,
      split === "train" ? {} : { split },
    );
    await source.close();
    return source.classNames;
  };
  expect(await names(10, "train")).toEqual(["0", "sign-digits/1", "shapes/1", "2"]);
  expect(await names(20, "test")).toEqual(await names(10, "train"));
  const twice = await openSource(`${counted}&only=1 + ${counted}&only=1,2`);
  expect(twice.classNames).toEqual(["shapes/1", "shapes-2/1", "2"]);
});

test("a loader's threads see the labels the source has here", async () => {
  const source = await openSource(`${counted}&only=2,4 + ${counted}&without=1,2,3,4`);
  const options = { batchSize: 8, preprocessing: "decode|value_range(-1,1)", evaluation: true };
  const batches = await Promise.all(
    [0, 1].map(async (workers) => {
      const loader = createLoader(source, { ...options, workers });
      const seen: number[] = [];
      for (let batch = await loader.next(); batch; batch = await loader.next()) {
        batch.mask.forEach((valid, i) => {
          if (valid === 1) seen.push(batch.label[i]!, batch.image[i * 16 * 16 * 3]!);
        });
      }
      await loader.close();
      return seen;
    }),
  );
  expect(batches[1]).toEqual(batches[0]);
  expect(batches[0]!.filter((_, i) => i % 2 === 0)).toEqual([...source.labels]);
});

test("when one of several specs cannot be opened, the message is that one's", async () => {
  await expect(openSource(`${counted} + embedded:clothes`)).rejects.toThrow(
    /unknown embedded dataset "clothes".*clothing/,
  );
});

test("noise replaces labels by other classes at its rate, the same ones in every thread and for every take", async () => {
  const base = "generated:shapes?label=count&counts=1-5&size=8&length=3000&seed=3";
  const [clean, noisy, other] = await Promise.all([
    openSource(base),
    openSource(`${base}&noise=0.2&noiseSeed=1`),
    openSource(`${base}&noise=0.2`),
  ]);
  const changed = [...noisy.labels.keys()].filter((i) => noisy.labels[i] !== clean.labels[i]);
  // Five standard deviations of 3,000 draws at 0.2.
  expect(Math.abs(changed.length - 600)).toBeLessThan(5 * Math.sqrt(3000 * 0.2 * 0.8));
  expect(other.labels).not.toEqual(noisy.labels);
  // Each of the four other classes is equally likely.
  const shifts = [1, 2, 3, 4].map(
    (shift) => changed.filter((i) => (noisy.labels[i]! - clean.labels[i]! + 5) % 5 === shift).length,
  );
  for (const count of shifts) expect(Math.abs(count - changed.length / 4)).toBeLessThan(60);
  for (const index of changed.slice(0, 3)) {
    const [wrong, right] = await Promise.all([noisy.get(index), clean.get(index)]);
    expect([wrong.label, wrong.image]).toEqual([noisy.labels[index], right.image]);
  }
  const again = await openRecipe(JSON.parse(JSON.stringify(noisy.recipe)));
  expect(again.labels).toEqual(noisy.labels);
  const some = await openSource(`${base}&noise=0.2&noiseSeed=1&take=100`);
  for (const index of [0, 50, 99]) {
    const { id, label } = await some.get(index);
    expect(label).toBe(noisy.labels[Number(id.split("#")[1])]);
  }
  expect((await openSource(`${base}&noise=0`)).labels).toEqual(clean.labels);
  const all = await openSource(`${base}&noise=1`);
  expect(all.labels.some((label, i) => label === clean.labels[i])).toBe(false);
  await expect(openSource(`${base}&noise=2`)).rejects.toThrow(/invalid noise 2; expected a probability from 0 to 1/);
  await expect(openSource(`${base}&noiseSeed=2`)).rejects.toThrow(/set both/);
  await expect(openSource(`${base}&noise=0.1&only=2`)).rejects.toThrow(/needs at least two/);
});
