// Specs that choose classes and examples, and specs joined in one.
import { expect, test } from "vitest";
import { createLoader, openSource } from "../../src/data/index.js";

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
  await expect(openSource(`${counted}&take=none`)).rejects.toThrow(/take needs a whole number/);
});

test("an unknown class is named with those there are", async () => {
  await expect(openSource(`${counted}&without=7`)).rejects.toThrow(/no class 7; its classes are 1, 2, 3, 4, 5/);
  await expect(openSource(`${counted}&only=7`)).rejects.toThrow(/7/);
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
  await expect(openSource(`${counted} + embedded:clothes`)).rejects.toThrow(/no embedded set "clothes".*clothing/);
});
