/** Parses tf.train.Example messages. */
import { protobufFields as fields, readVarint } from "./protobuf-reader.js";

/** Value of a feature: byte strings, floats, or integers. */
export type Feature = readonly Uint8Array[] | Float32Array | readonly number[];

/** Maximum number of features; no dataset has more, and a message of thousands of empty ones is not an example. */
const maxFeatures = 4096;

const nothing = new Uint8Array(0);

/**
 * Parses the features of a serialized tf.train.Example (tensorflow/core/example/example.proto: Example.features = 1,
 * Features.feature = 1, a map from key = 1 to value = 2; Feature.bytes_list = 1, float_list = 2, int64_list = 3, each with
 * value = 1, numbers packed or not). Bytes are views of the message. If a feature occurs twice, the last one is used.
 *
 * @param wanted names of the features to read; default: all
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
        const next = readVarint(bytes, at);
        values.push(next.value);
        at = next.end;
      }
    }
  }
  return values;
}
