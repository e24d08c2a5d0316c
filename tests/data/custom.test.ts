/** Sources that users define by name: forms of images, versions, views, and what is refused. */
import { expect, test } from "vitest";
import { createLoader, defineSource, openSource } from "../../src/data/index.js";
import { decodeImage } from "../../src/images/index.js";

const grey = (value: number) => ({ data: new Uint8Array(4).fill(value), width: 2, height: 2 });
const labels = [0, 1, 1, 0];

test("images may be pixels, raw images or files; ids, the close function and options of specs work as for other kinds", async () => {
  let closed = 0;
  const spec = defineSource({
    name: "forms",
    open: () => ({
      classNames: ["even", "odd"],
      labels,
      id: (index) => `row ${10 * index}`,
      image: (index) => (index === 3 ? { kind: "raw", ...grey(3), channels: 1 } : grey(index)),
      close: () => {
        closed++;
      },
    }),
  });
  expect(spec).toBe("custom:forms");
  const source = await openSource(spec);
  expect([source.name, source.split, source.length, source.recipe]).toEqual(["custom:forms", "all", 4, undefined]);
  for (const index of labels.keys()) {
    const { image, id, label } = await source.get(index);
    expect([id, label]).toEqual([`custom:forms/all/row ${10 * index}`, labels[index]]);
    expect([...new Set((await decodeImage(image, id)).data)]).toEqual([index]);
  }
  await source.close();
  await source.close();
  expect(closed).toBe(1);
  const odd = await openSource(`${spec}?only=odd`);
  expect([odd.classNames, odd.length]).toEqual([["odd"], 2]);
});

test("an image that cannot be made is reported with its id and skipped in training", async () => {
  const spec = defineSource({
    name: "broken",
    open: () => ({
      classNames: ["a"],
      labels: new Array(8).fill(0),
      image: (index) => {
        if (index === 5) throw new Error("the row was deleted");
        return grey(index);
      },
    }),
  });
  await using source = await openSource(spec);
  await expect(source.get(5)).rejects.toThrow("custom:broken/all/5: the row was deleted");
  await using loader = createLoader(spec, { batchSize: 8, preprocessing: "decode|value_range(0,1)", epochs: 1 });
  await loader.next();
  expect(loader.stats().bad.map(({ id, reason }) => [id, reason])).toEqual([
    ["custom:broken/all/5", "the row was deleted"],
  ]);
});

test("a version is part of the spec, and another one is refused", async () => {
  const define = (version?: string) =>
    defineSource({
      name: "versioned",
      version,
      open: () => ({ classNames: ["a"], labels: [0], image: () => grey(0) }),
    });
  expect(define("2")).toBe("custom:versioned?version=2");
  await (await openSource("custom:versioned?version=2&take=1")).close();
  await expect(openSource("custom:versioned")).rejects.toThrow(/has version "2" here; expected version "1"/);
  expect(define()).toBe("custom:versioned");
  expect(() => define("a b")).toThrow(/the version is "a b"; expected letters/);
});

test.each([
  [
    "custom:verzioned",
    /"verzioned" \(version "1"\) is user-defined, and nothing defines it here; did you mean "versioned"\?; first import the file that calls defineSource/,
  ],
  ["custom:", /has no path after "custom:"/],
  ["custom:versioned?size=3", /unknown option "size"/],
  [
    defineSource({ name: "outside", open: () => ({ classNames: ["a"], labels: [0, 1], image: () => grey(0) }) }),
    /custom:outside: the label at index 1 is 1; expected an integer from 0 to 0/,
  ],
  [
    defineSource({ name: "half", open: () => ({ classNames: ["a", "b"], labels: [0.5], image: () => grey(0) }) }),
    /custom:half: the label at index 0 is 0.5; expected an integer/,
  ],
  [
    defineSource({ name: "empty", open: () => ({ classNames: ["a"], labels: [], image: () => grey(0) }) }),
    /custom:empty has no labels in its split all/,
  ],
  [defineSource({ name: "failing", open: () => Promise.reject(new Error("no connection")) }), /no connection/],
])("%s is refused", async (spec, message) => {
  await expect(openSource(spec)).rejects.toThrow(message);
});
