/** Arbitrary stored tensors, for the tests of the file formats. */
import fc from "fast-check";
import type { StoredDType, StoredTensor } from "../../src/formats/stored.js";

const arrays = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} satisfies Record<StoredDType, unknown>;

/** Any tensor of at most three sides, its bytes arbitrary: NaNs with payloads and negative zeros included. */
export const anyTensor: fc.Arbitrary<StoredTensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(arrays) as StoredDType[])),
    fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
  )
  .chain(([dtype, shape]) => {
    const size = shape.reduce((a, b) => a * b, 1) * arrays[dtype].BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: size, maxLength: size })
      .map((bytes) => ({ dtype, shape, data: new arrays[dtype](bytes.slice().buffer) }));
  });
