/** NumPy's default_rng, bit for bit. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numpyGenerator, seedSequence } from "../../src/random/numpy-generator.js";

// Every expected value below was printed by numpy 2.4.6: SeedSequence(seed).generate_state(4, uint64), default_rng(seed).random(3)
// and default_rng(seed).permutation(10).
const golden: [bigint, bigint[], number[], number[]][] = [
  [
    0n,
    [0xdb2cd7e7b0f478ben, 0xabf4641a2c71ba49n, 0x20c6ed6d9d7b8d41n, 0x2c4099de223c39d4n],
    [0.6369616873214543, 0.2697867137638703, 0.04097352393619469],
    [4, 6, 2, 7, 3, 5, 9, 0, 8, 1],
  ],
  [
    1n,
    [0x672d8ee56d6791ffn, 0x8ae19ca14eb1072cn, 0x4915796d1322fc4an, 0xd0cc2bdcaba049bdn],
    [0.5118216247002567, 0.9504636963259353, 0.14415961271963373],
    [8, 4, 7, 0, 1, 2, 5, 9, 6, 3],
  ],
  [
    42n,
    [0x9f1e2e6dcd540ab7n, 0xd57873dc79fb94b6n, 0x7d282a1b64d420b7n, 0x336579714692d5ffn],
    [0.7739560485559633, 0.4388784397520523, 0.8585979199113825],
    [5, 6, 0, 7, 3, 2, 4, 9, 1, 8],
  ],
  [
    2n ** 32n - 1n,
    [0x2a05c5e276c1fe08n, 0x2032e40fc20e8198n, 0xed4ac06d787f4396n, 0x56896cb4f3db80fdn],
    [0.2519435680449965, 0.21906579628685663, 0.28728472043517017],
    [0, 1, 4, 8, 3, 7, 5, 6, 2, 9],
  ],
  [
    2n ** 32n,
    [0x50ff846cec53f444n, 0x7a4918dbe8278562n, 0x3bff9f6c362e2b19n, 0xbdb177539a0654e3n],
    [0.8897387912781343, 0.5571380502062263, 0.8009080868919721],
    [9, 1, 3, 8, 7, 6, 0, 4, 2, 5],
  ],
  [
    2n ** 64n + 12345n,
    [0x713f04a66e295cf2n, 0x4e3ae8b2825dd928n, 0xe475312cf5653e3en, 0xa39ba8434b2ffadan],
    [0.9798065138848988, 0.23274412229227692, 0.43870622989734964],
    [0, 7, 3, 2, 4, 8, 9, 6, 5, 1],
  ],
  [
    123456789012345678901234567890n,
    [0xa3746ed88d04db73n, 0x9d436f2d32f0df5fn, 0x3ceec5120fb8166fn, 0x990b1915c7115e7en],
    [0.34543790416273246, 0.33578336166567657, 0.15099490459335874],
    [6, 3, 8, 9, 2, 1, 7, 4, 0, 5],
  ],
];

describe("numpy's default_rng, bit for bit", () => {
  it.each(golden)("seed %s", (seed, state, doubles, permutation) => {
    expect(seedSequence(seed)).toEqual(state);
    const random = numpyGenerator(seed);
    expect([random.random(), random.random(), random.random()]).toEqual(doubles);
    expect(numpyGenerator(seed).permutation(10)).toEqual(permutation);
  });

  it("64- and 32-bit integers of seed 0", () => {
    const wide = numpyGenerator(0);
    expect(Array.from({ length: 4 }, () => wide.nextUint64())).toEqual([
      11749869230777074271n,
      4976686463289251617n,
      755828109848996024n,
      304881062738325533n,
    ]);
    const narrow = numpyGenerator(0);
    expect(Array.from({ length: 6 }, () => narrow.nextUint32())).toEqual([
      3653403231, 2735729615, 2195314465, 1158725112, 1322117304, 175979945,
    ]);
  });

  it("one stream through permutations of arrays, numbers and single items, the spare half kept across a double", () => {
    const random = numpyGenerator(7);
    expect(random.permutation([3, 13, 23, 33, 43])).toEqual([23, 3, 43, 13, 33]);
    expect(random.permutation(Int32Array.of(9, 8, 7))).toEqual([9, 8, 7]);
    expect(random.permutation([4])).toEqual([4]);
    expect(random.permutation(7)).toEqual([4, 6, 5, 0, 1, 3, 2]);
    expect(random.random()).toBe(0.8212284183827663);
    expect(random.permutation(4)).toEqual([0, 3, 1, 2]);
  });

  it("a permutation long enough to need every number of bits up to 17", () => {
    const order = numpyGenerator(3).permutation(100_000);
    expect(order.slice(0, 5)).toEqual([99532, 56387, 1151, 91799, 14687]);
    expect(order.slice(-5)).toEqual([37433, 1828, 21191, 72339, 49912]);
    const checksum = order.reduce((sum, value, i) => sum + BigInt(value) * BigInt(i), 0n) % 1000003n;
    expect(checksum).toBe(35053n);
  });

  it("permutes: every value once", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(200), (seed, length) => {
        const order = numpyGenerator(seed).permutation(length);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  it("refuses what is no seed", () => {
    expect(() => numpyGenerator(-1)).toThrow(/seed is -1/);
    expect(() => numpyGenerator(0.5)).toThrow(/seed is 0.5/);
  });
});
