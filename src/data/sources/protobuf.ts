/** Reads tf.train.Example messages: a small protocol buffer reader that believes no length it is given. */

/** What a feature holds: strings of bytes, floats, or whole numbers. */
export type Feature = readonly Uint8Array[] | Float32Array | readonly number[];

/** More features than any data set has; a message of thousands of empty ones is no example. */
const maxFeatures = 4096;

interface Field {
  readonly number: number;
  readonly wire: number;
  /** The value of a varint; 0 for other wire types. */
  readonly value: number;
  /** The content of a length-delimited or fixed-size field. */
  readonly bytes: Uint8Array;
}

const nothing = new Uint8Array(0);

/** Reads a varint of at most ten bytes; negative 64-bit numbers come out negative. Throws at the end of the bytes. */
function varint(bytes: Uint8Array, start: number): { value: number; end: number } {
  let low = 0;
  let high = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) throw new Error("the message ends within a number");
    const part = byte & 0x7f;
    if (i < 4) low += part * 2 ** (7 * i);
    else if (i === 4) {
      low += (part & 0x0f) * 2 ** 28;
      high += part >> 4;
    } else if (i < 9) high += part * 2 ** (7 * i - 32);
    else high += (part & 1) * 2 ** 31;
    if (byte < 0x80)
      return { value: high >= 2 ** 31 ? (high - 2 ** 32) * 2 ** 32 + low : high * 2 ** 32 + low, end: start + i + 1 };
  }
  throw new Error("a number has more than ten bytes");
}

/** The fields of a message one after the other (protobuf.dev, "Encoding"). Throws where a length leads out of it. */
function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  while (at < bytes.length) {
    const tag = varint(bytes, at);
    at = tag.end;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number < 1 || number >= 2 ** 29) throw new Error(`there is no field number ${number}`);
    let value = 0;
    let length = 0;
    if (wire === 0) ({ value, end: at } = varint(bytes, at));
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else if (wire === 2) ({ value: length, end: at } = varint(bytes, at));
    else throw new Error(`the wire type ${wire} is not one of messages`);
    if (length < 0 || length > bytes.length - at)
      throw new Error(`a field of ${length} bytes does not fit into the ${bytes.length - at} that are left`);
    yield { number, wire, value, bytes: length === 0 ? nothing : bytes.subarray(at, at + length) };
    at += length;
  }
}

/**
 * The features of a serialized tf.train.Example (tensorflow/core/example/example.proto: Example.features = 1,
 * Features.feature = 1, a map from key = 1 to value = 2; Feature.bytes_list = 1, float_list = 2, int64_list = 3, each with
 * value = 1, numbers packed or not). Bytes are views of the message. Of a feature that stands twice the last one counts.
 *
 * @param wanted only features of these names are read; all of them if left out
 * @throws for anything that is not such a message.
 */
export function parseExample(message: Uint8Array, wanted?: readonly string[]): Map<string, Feature> {
  const found = new Map<string, Feature>();
  let count = 0;
  for (const example of fields(message)) {
    if (example.number !== 1 || example.wire !== 2) continue;
    for (const entry of fields(example.bytes)) {
      if (entry.number !== 1 || entry.wire !== 2) continue;
      if (++count > maxFeatures) throw new Error(`there are more than ${maxFeatures} features`);
      let key = "";
      let value: Uint8Array = nothing;
      for (const part of fields(entry.bytes)) {
        if (part.wire !== 2) continue;
        if (part.number === 1)
          key = Buffer.from(part.bytes.buffer, part.bytes.byteOffset, part.bytes.length).toString("utf8");
        else if (part.number === 2) value = part.bytes;
      }
      if (!wanted || wanted.includes(key)) found.set(key, parseFeature(value));
    }
  }
  return found;
}

function parseFeature(message: Uint8Array): Feature {
  let feature: Feature = [];
  for (const { number, wire, bytes } of fields(message)) {
    if (wire !== 2) continue;
    if (number === 1) feature = [...fields(bytes)].flatMap((x) => (x.number === 1 && x.wire === 2 ? [x.bytes] : []));
    else if (number === 2) feature = floats(bytes);
    else if (number === 3) feature = wholeNumbers(bytes);
  }
  return feature;
}

function floats(list: Uint8Array): Float32Array {
  const values: number[] = [];
  for (const { number, bytes } of fields(list)) {
    if (number !== 1) continue;
    if (bytes.length % 4 !== 0) throw new Error("a list of floats is no whole number of floats long");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < bytes.length; i += 4) values.push(view.getFloat32(i, true));
  }
  return Float32Array.from(values);
}

function wholeNumbers(list: Uint8Array): readonly number[] {
  const values: number[] = [];
  for (const { number, wire, value, bytes } of fields(list)) {
    if (number !== 1) continue;
    if (wire === 0) values.push(value);
    else if (wire === 2) {
      for (let at = 0; at < bytes.length; ) {
        const next = varint(bytes, at);
        values.push(next.value);
        at = next.end;
      }
    }
  }
  return values;
}
