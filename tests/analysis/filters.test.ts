/** Principal components against NumPy, and the filters of first layers. */
import { describe, expect, it, test } from "vitest";
import {
  filterRows,
  filters,
  firstLayer,
  minMaxScaled,
  openSubject,
  principalComponents,
  project,
} from "../../src/analysis/index.js";
import { parseModelName } from "../../src/models/index.js";

const close = (found: ArrayLike<number>, expected: readonly number[], digits = 9) => {
  expect(found).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, digits);
};

describe("principalComponents", () => {
  // numpy.linalg.svd of the centred rows in float64, with the sign of the entry of largest magnitude made positive
  const data = [2, 0, 1, 1, 3, -1, 0, 1, 4, -2, 5, 2, 3, -1, 0.5];
  const tall = { data: Float64Array.from(data), rows: 5, columns: 3 };

  test("of more rows than columns equal NumPy's", async () => {
    const found = await principalComponents(tall, 3);
    close(
      found.components.data,
      [
        -0.6243889682897786, 0.7586890685910289, 0.185820648687123, -0.17780557818194492, -0.36969659938644284,
        0.9119811405777446, 0.7606073840329254, 0.5363910155871158, 0.3657336267722898,
      ],
    );
    close(found.explained, [0.7089079153658606, 0.29084433179522645, 0.00024775283891285814]);
    close(project(tall, found).data.slice(0, 3), [-2.0189154662995175, 0.10455352302665126, -0.055216852131561814]);
  });

  test("of more columns than rows equal NumPy's, without the components of no variance", async () => {
    const wide = {
      data: Float64Array.from({ length: 15 }, (_, i) => data[(i % 5) * 3 + Math.floor(i / 5)] ?? 0),
      rows: 3,
      columns: 5,
    };
    const found = await principalComponents(wide, 3);
    close(
      found.components.data,
      [
        -0.23140329371735283, 0.20073022301271462, 0.15148689601408769, 0.8150237064615079, -0.4679187658854787,
        0.028469787102475292, -0.6728137365931673, 0.7374997141879032, 0.00774640338978508, -0.05045108404349778,
      ],
    );
    close(found.explained, [0.7210204356860622, 0.27897956431393783]);
    close(project(wide, found).data.slice(0, 2), [-4.4861257035182325, -1.3384105644008206]);
  });

  test("of one row are refused", async () => {
    await expect(principalComponents({ data: new Float64Array(3), rows: 1, columns: 3 }, 1)).rejects.toThrow(
      /at least 2 rows/,
    );
  });
});

describe("filterRows", () => {
  // entry (f, y, x, c) is 1000 f + 100 y + 10 x + c
  const entry = (f: number, y: number, x: number, c: number) => 1000 * f + 100 * y + 10 * x + c;
  const expected: number[] = [];
  for (let f = 0; f < 5; f++)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 4; x++) for (let c = 0; c < 3; c++) expected.push(entry(f, y, x, c));

  it.each([
    [
      "height, width, channels, filters" as const,
      [2, 4, 3, 5],
      (i: readonly number[]) => entry(i[3] ?? 0, i[0] ?? 0, i[1] ?? 0, i[2] ?? 0),
    ],
    [
      "filters, channels, height, width" as const,
      [5, 3, 2, 4],
      (i: readonly number[]) => entry(i[0] ?? 0, i[2] ?? 0, i[3] ?? 0, i[1] ?? 0),
    ],
  ])("reorders a kernel of %s", (layout, shape, value) => {
    const data = Float32Array.from({ length: 120 }, (_, at) => {
      let rest = at;
      const index = [...shape].reverse().map((side) => {
        const i = rest % side;
        rest = Math.floor(rest / side);
        return i;
      });
      return value(index.reverse());
    });
    const found = filterRows({ data, shape }, layout);
    expect([found.height, found.width, found.channels, found.rows.rows]).toEqual([2, 4, 3, 5]);
    expect(Array.from(found.rows.data)).toEqual(expected);
  });
});

test("minMaxScaled maps the range to 0 to 255", () => {
  expect([...minMaxScaled([-2, 0, 2])]).toEqual([0, 128, 255]);
  expect([...minMaxScaled([3, 3])]).toEqual([128, 128]);
});

describe("the first layer", () => {
  it.each([
    ["S/16", "embedding/kernel", "none"],
    ["R26+S/32", "conv_root/kernel", "flax"],
    ["C-4GF", "stem/conv1/kernel", "none"],
    ["Mixer-S/16", "stem/kernel", "none"],
    ["R50x1", "conv_root/kernel", "bit"],
  ])("of %s is %s", (name, kernel, standardisation) => {
    expect(firstLayer(parseModelName(name))).toMatchObject({ kernel, standardisation });
  });

  test("of a bundled network has standardised filters, whose variance the components share out", async () => {
    await using subject = await openSubject("embedded:tiny", { count: 2 });
    const { data, charts } = await filters.run(subject);
    const {
      explained,
      components,
      filters: count,
    } = data as { explained: number[]; components: Float64Array[]; filters: number };
    const kernel = subject.parameter("conv_root/kernel");
    expect(count).toBe(kernel.shape[0]);
    expect(explained.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    // variance along the first component, computed from the raw kernel [filters, channels, height, width]
    const [n = 0, channels = 0, h = 0, w = 0] = kernel.shape;
    const size = channels * h * w;
    const scores: number[] = [];
    let total = 0;
    const rows = Array.from({ length: n }, (_, f) => {
      const one = [...kernel.data.subarray(f * size, (f + 1) * size)];
      const mean = one.reduce((sum, value) => sum + value, 0) / size;
      const deviation = Math.sqrt(one.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size);
      return one.map((value) => (value - mean) / deviation);
    });
    for (let k = 0; k < size; k++) {
      const mean = rows.reduce((sum, row) => sum + (row[k] ?? 0), 0) / n;
      const c = Math.floor(k / (h * w));
      const along = components[0]?.[(k % (h * w)) * channels + c] ?? 0;
      for (const [f, row] of rows.entries()) {
        const value = (row[k] ?? 0) - mean;
        total += value * value;
        scores[f] = (scores[f] ?? 0) + value * along;
      }
    }
    expect(scores.reduce((sum, value) => sum + value * value, 0) / total).toBeCloseTo(explained[0] ?? 0, 5);
    expect(charts[0]?.draw(350)).toContain("<image");
  });
});
