/** The accuracy of logits on a labelled set: golden numbers of NumPy, and how classes are matched. */
import { describe, expect, test } from "vitest";
import { confusedPairs, matchClasses, measureAccuracy } from "../../src/transfer/index.js";

describe("measureAccuracy", () => {
  const [rows, width] = [200, 8];
  // The set's six classes among the network's eight; the sixth has no image.
  const columns = Int32Array.of(5, 2, 7, 0, 3, 6);
  const labels = Int32Array.from({ length: rows }, (_, row) => (7 * row + Math.floor(row / 11)) % 5);
  const data = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i * i * 0.0137 + i * 0.9));
  for (const [row, label] of labels.entries()) {
    const at = row * width + (columns[label] ?? 0);
    data[at] = Math.fround((data[at] ?? 0) + Math.fround(0.6));
  }
  const classNames = ["a", "b", "c", "d", "e", "f"];
  const input = { logits: { data, rows, columns: width }, labels, classNames, columns, loss: "softmax" } as const;
  const matrix = (entries: readonly (readonly [number, number, number])[]) => {
    const dense = classNames.map(() => classNames.map(() => 0));
    for (const [truth, guess, images] of entries) (dense[truth] ?? [])[guess] = images;
    return dense;
  };

  // NumPy on the same numbers: argsort of each row (stable), counts; probabilities by exp / sum in float64.
  test("among all classes of the network", () => {
    const found = measureAccuracy(input);
    expect(found.top1).toMatchObject({ right: 99, images: 200, accuracy: 0.495 });
    expect(found.top5).toMatchObject({ right: 176, images: 200 });
    expect(matrix(found.confusion)).toEqual([
      [20, 6, 1, 3, 1, 2],
      [2, 19, 3, 6, 2, 5],
      [5, 2, 19, 3, 1, 4],
      [2, 1, 3, 19, 3, 7],
      [7, 3, 4, 2, 22, 0],
      [0, 0, 0, 0, 0, 0],
    ]);
    expect(found.elsewhere.reduce((a, b) => a + b)).toBe(23);
    expect(found.named[0]?.probability).toBeCloseTo(0.23811772, 6);
    expect(found.named[7]?.probability).toBeCloseTo(0.24786467, 6);
    expect(found.classes.map(({ name }) => name)).toEqual(["a", "b", "c", "d", "e"]);
    const [a] = found.classes;
    expect(a).toMatchObject({ right: 20, named: 36 });
    expect(a?.precision).toBeCloseTo(20 / 36, 12);
  });

  test("among the classes of the set alone", () => {
    const found = measureAccuracy({ ...input, amongSet: true });
    expect([found.top1.right, found.top5?.right]).toEqual([101, 197]);
    expect(matrix(found.confusion)[4]).toEqual([7, 3, 4, 3, 22, 1]);
    expect([...found.elsewhere]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(found.named[7]?.probability).toBeCloseTo(0.39644615, 6);
    // a and b: 7 + 2 of 40 and 41 images
    expect(confusedPairs(found.confusion).find(({ classes }) => classes.join() === "0,1")).toEqual({
      classes: [0, 1],
      confused: 9,
      images: 81,
    });
  });

  test("the interval is Wilson's (Newcombe 1998, table I: 81 of 263)", () => {
    const found = measureAccuracy({
      ...input,
      logits: {
        data: Float32Array.from({ length: 263 * 2 }, (_, i) => (i % 2 === (i < 81 * 2 ? 0 : 1) ? 1 : 0)),
        rows: 263,
        columns: 2,
      },
      labels: new Int32Array(263),
      classNames: ["a", "b"],
      columns: Int32Array.of(0, 1),
    });
    expect(found.top1.confidence95[0]).toBeCloseTo(0.2553, 4);
    expect(found.top1.confidence95[1]).toBeCloseTo(0.3662, 4);
    expect(found.top5).toBeUndefined();
  });
});

describe("matchClasses", () => {
  const network = {
    name: "net",
    classes: 4,
    classNames: ["tench, Tinca tinca", "great white shark", "crane", "crane"],
  };
  const match = (classNames: string[], by?: "name" | "order") => matchClasses({ name: "set", classNames }, network, by);

  test("by equal names, case and hyphens aside, and by synonyms", () => {
    const { columns, alike } = match(["Great_White-shark", "Tinca tinca"]);
    expect([...columns]).toEqual([1, 0]);
    expect(alike).toEqual([
      ["Great_White-shark", "great white shark"],
      ["Tinca tinca", "tench, Tinca tinca"],
    ]);
    expect(match(["great white shark"]).alike).toEqual([]);
  });

  test("says what to do where they do not match", () => {
    expect(() => match(["tench", "great white sharc"])).toThrow(
      /net does not have 1 of the 2 classes of set: great white sharc; did you mean "great white shark"\?.*\?only=tench/,
    );
    expect(() => match(["dog"])).toThrow(/rename the classes of the dataset, or give other labels/);
    expect(() => match(["crane"])).toThrow(/Several classes of net have the name crane/);
    expect(() => match(["tench", "Tinca tinca"])).toThrow(/both match tench, Tinca tinca of net; merge them/);
    expect(() => match(["a", "b", "c", "d"])).toThrow(/--match order/);
    expect(() => matchClasses({ name: "set", classNames: ["a"] }, { ...network, classNames: undefined })).toThrow(
      /the names of the 4 classes of net are not known/,
    );
  });

  test("by order only where there are as many", () => {
    expect([...match(["w", "x", "y", "z"], "order").columns]).toEqual([0, 1, 2, 3]);
    expect(() => match(["w", "x"], "order")).toThrow(/set has 2 classes and net has 4/);
  });
});
