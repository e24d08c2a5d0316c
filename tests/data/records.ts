/** Archives, records and CIFAR files for tests, written out here so that the readers are not tested against themselves. */

/** A feature of a tf.train.Example. */
export type FeatureValue = Uint8Array | string | number;

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

/** A serialized tf.train.Example; `packed: false` writes whole numbers the old way, each with its tag. */
export function example(features: Readonly<Record<string, FeatureValue>>, packed = true): Buffer {
  const entries = Object.entries(features).map(([name, value]) => {
    const list =
      typeof value === "number"
        ? field(3, packed ? field(1, varint(value)) : Buffer.concat([varint(8), varint(value)]))
        : field(1, field(1, Buffer.from(value as Uint8Array)));
    return field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, list)]));
  });
  return field(1, Buffer.concat(entries));
}

/** CRC-32C bit by bit (RFC 3720, appendix B.4), masked as TFRecord does. */
function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A TFRecord file. */
export function records(messages: readonly Uint8Array[]): Buffer {
  const parts = messages.flatMap((message) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(message.length));
    const sums = [length, message].map((part) => {
      const sum = Buffer.alloc(4);
      sum.writeUInt32LE(masked(part));
      return sum;
    });
    return [length, sums[0]!, Buffer.from(message), sums[1]!];
  });
  return Buffer.concat(parts);
}

/** A CIFAR file: every image of one grey level. */
export function cifar(images: readonly { readonly labels: readonly number[]; readonly level: number }[]): Buffer {
  return Buffer.concat(images.flatMap(({ labels, level }) => [Buffer.from(labels), Buffer.alloc(3072, level)]));
}

/** A tar archive by the ustar rules, written out here so that the reader is not tested against itself. */
export function tar(files: Readonly<Record<string, Uint8Array>>, longNames = false): Buffer {
  const blocks: Buffer[] = [];
  const add = (name: string, type: string, content: Uint8Array): void => {
    const header = Buffer.alloc(512);
    header.write(name.slice(0, 100), 0);
    header.write("0000644\0", 100);
    header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0", 136);
    header.write("        ", 148);
    header.write(type, 156);
    header.write("ustar\x0000", 257, "latin1");
    const sum = header.reduce((a, b) => a + b, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512));
  };
  for (const [name, content] of Object.entries(files)) {
    if (longNames) add("././@LongLink", "L", Buffer.from(`${name}\0`));
    add(longNames ? "shortened" : name, "0", content);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
