/** The hash, its turns, and Hamming joins against comparing every two. */
import { describe, expect, test } from "vitest";
import { countBits, frequencies, lowFrequencies } from "../../src/dedup/describe/hash.js";
import { rotatedPlaces } from "../../src/dedup/describe/turns.js";
import {
  hammingDistance,
  hammingJoin,
  hammingSelfJoin,
  hashOf,
  inverseTurn,
  rotatedHash,
  turns,
} from "../../src/dedup/index.js";
import { partThresholds } from "../../src/dedup/search/hamming.js";
import { createRandom } from "../../src/random/keyed.js";

const side = 32;

/** A smooth random picture: a few waves. */
function waves(seed: number): Float64Array {
  const random = createRandom("waves", seed);
  const parts = Array.from({ length: 12 }, () => [
    random.range(-0.4, 0.4),
    random.range(-0.4, 0.4),
    random.range(0, 6),
    random.range(10, 40),
  ]);
  return Float64Array.from({ length: side * side }, (_, at) => {
    const [y, x] = [Math.floor(at / side), at % side];
    return parts.reduce((sum, [fy, fx, phase, size]) => sum + size! * Math.sin(fy! * y + fx! * x + phase!), 128);
  });
}

describe("the hash", () => {
  test("has 64 frequencies, the same along both axes", () => {
    expect(frequencies.length).toBe(64);
    const names = new Set(frequencies.map(([v, u]) => `${v},${u}`));
    expect(names.size).toBe(64);
    for (const [v, u] of frequencies) expect(names.has(`${u},${v}`)).toBe(true);
    expect(names.has("0,0")).toBe(false);
  });

  test("is of the signs of the cosine transform", () => {
    const picture = waves(1);
    const coefficients = lowFrequencies(picture);
    const hash = hashOf(picture);
    for (const [bit, [v, u]] of frequencies.entries()) {
      let plain = 0;
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const wave = Math.cos((Math.PI * (y + 0.5) * v) / side) * Math.cos((Math.PI * (x + 0.5) * u) / side);
          plain += picture[y * side + x]! * wave;
        }
      }
      expect(coefficients[bit]).toBeCloseTo(plain, 6);
      expect((hash[bit >> 5]! >>> (bit & 31)) & 1).toBe(plain > 0 ? 1 : 0);
    }
  });

  test("does not change with brightness and contrast", () => {
    const picture = waves(2);
    expect(hashOf(picture.map((value) => 0.3 * value + 90))).toEqual(hashOf(picture));
  });

  test("of a rotated picture follows from that of the picture", () => {
    for (let seed = 0; seed < 5; seed++) {
      const picture = waves(seed);
      for (const [number, turn] of turns.entries()) {
        const rotated = Float64Array.from(rotatedPlaces(turn, side), (place) => picture[place]!);
        expect(rotatedHash(hashOf(picture), number)).toEqual(hashOf(rotated));
        expect(rotatedHash(rotatedHash(hashOf(picture), number), inverseTurn(number))).toEqual(hashOf(picture));
      }
    }
  });

  test("turns do what their names say", () => {
    const picture = [1, 2, 3, 4]; // 1 2 above 3 4
    const rotated = Object.fromEntries(
      turns.map((turn) => [turn.name, Array.from(rotatedPlaces(turn, 2), (place) => picture[place])]),
    );
    expect(rotated["mirrored left to right"]).toEqual([2, 1, 4, 3]);
    expect(rotated["mirrored top to bottom"]).toEqual([3, 4, 1, 2]);
    expect(rotated["rotated right by 90°"]).toEqual([3, 1, 4, 2]);
    expect(rotated["rotated left by 90°"]).toEqual([2, 4, 1, 3]);
    expect(rotated["rotated by 180°"]).toEqual([4, 3, 2, 1]);
    expect(rotated["mirrored along the diagonal"]).toEqual([1, 3, 2, 4]);
  });
});

/** Hashes near a few centres, so that there are pairs at every distance. */
function clustered(count: number, seed: number): Uint32Array {
  const random = createRandom("hashes", seed);
  const centres = Array.from({ length: 20 }, () => [random.next(), random.next()] as const);
  const hashes = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const words = [...centres[random.integer(centres.length)]!];
    for (let flips = random.integer(14); flips > 0; flips--) words[random.integer(2)]! ^= 1 << random.integer(32);
    hashes.set(
      words.map((word) => word >>> 0),
      2 * i,
    );
  }
  return hashes;
}

const hashAt = (hashes: Uint32Array, i: number) => [hashes[2 * i]!, hashes[2 * i + 1]!] as const;

describe("Hamming joins", () => {
  test("bits are counted", () => {
    for (const [word, bits] of [
      [0, 0],
      [1, 1],
      [0xffffffff, 32],
      [0x80000001, 2],
      [-1, 32],
    ] as const)
      expect(countBits(word)).toBe(bits);
  });

  test("the parts' thresholds rule nothing out", () => {
    for (let distance = 0; distance < 64; distance++)
      expect(partThresholds(distance).reduce((sum, t) => sum + t + 1, 0)).toBe(distance + 1);
  });

  test.each([0, 1, 3, 6, 9])("of a set with itself at distance %i are those of all pairs", async (distance) => {
    const hashes = clustered(400, distance);
    const found: string[] = [];
    await hammingSelfJoin(hashes, { distance }, (i, j, d) => found.push(`${i} ${j} ${d}`));
    const expected: string[] = [];
    for (let i = 0; i < 400; i++) {
      for (let j = i + 1; j < 400; j++) {
        const d = hammingDistance(hashAt(hashes, i), hashAt(hashes, j));
        if (d <= distance) expected.push(`${i} ${j} ${d}`);
      }
    }
    if (distance > 0) expect(expected.length).toBeGreaterThan(10);
    expect(found.sort()).toEqual(expected.sort());
  });

  test("of two sets are those of all pairs", async () => {
    const [left, right] = [clustered(300, 100), clustered(200, 100)];
    const found: string[] = [];
    await hammingJoin(left, right, { distance: 7 }, (i, j, d) => found.push(`${i} ${j} ${d}`));
    const expected: string[] = [];
    for (let i = 0; i < 300; i++) {
      for (let j = 0; j < 200; j++) {
        const d = hammingDistance(hashAt(left, i), hashAt(right, j));
        if (d <= 7) expected.push(`${i} ${j} ${d}`);
      }
    }
    expect(expected.length).toBeGreaterThan(10);
    expect(found.sort()).toEqual(expected.sort());
  });

  test("stop when they are told to, and refuse a distance that is none", async () => {
    const hashes = clustered(100, 1);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(hammingSelfJoin(hashes, { distance: 3, signal }, () => {})).rejects.toThrow("enough");
    await expect(hammingSelfJoin(hashes, { distance: 64 }, () => {})).rejects.toThrow(/integer from 0 to 63/);
    await expect(hammingSelfJoin(new Uint32Array(3), { distance: 1 }, () => {})).rejects.toThrow(/two 32-bit words/);
  });
});
