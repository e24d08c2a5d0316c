/** Parses protocol buffer messages field by field, with all lengths checked (protobuf.dev, "Encoding"). */

export interface ProtobufField {
  readonly number: number;
  readonly wire: number;
  /** The value of a varint; 0 for other wire types. */
  readonly value: number;
  /** The content of a length-delimited or fixed-size field. */
  readonly bytes: Uint8Array;
  /** The whole field including its key, which can be copied into another message. */
  readonly raw: Uint8Array;
}

const nothing = new Uint8Array(0);

/** Reads a varint of at most ten bytes; negative 64-bit numbers are returned as negative. Throws at the end of the bytes. */
export function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } {
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

/** Iterates over the fields of a message; their bytes are views of it. Throws if a length exceeds the message. */
export function* protobufFields(bytes: Uint8Array): Generator<ProtobufField> {
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    const tag = readVarint(bytes, at);
    at = tag.end;
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number < 1 || number >= 2 ** 29) throw new Error(`there is no field number ${number}`);
    let value = 0;
    let length = 0;
    if (wire === 0) ({ value, end: at } = readVarint(bytes, at));
    else if (wire === 1) length = 8;
    else if (wire === 5) length = 4;
    else if (wire === 2) ({ value: length, end: at } = readVarint(bytes, at));
    else throw new Error(`the wire type ${wire} is not one of messages`);
    if (length < 0 || length > bytes.length - at)
      throw new Error(`a field of ${length} bytes does not fit into the ${bytes.length - at} that are left`);
    const content = length === 0 ? nothing : bytes.subarray(at, at + length);
    at += length;
    yield { number, wire, value, bytes: content, raw: bytes.subarray(start, at) };
  }
}
