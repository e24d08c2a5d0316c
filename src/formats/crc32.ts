/** CRC-32 (ISO 3309, as in zip): polynomial 0xEDB88320, four bytes per step. */

const tables: readonly Uint32Array[] = (() => {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  const all = [first];
  for (let k = 1; k < 4; k++) {
    all.push(all[k - 1]!.map((value) => (value >>> 8) ^ first[value & 0xff]!));
  }
  return all;
})();

/** CRC-32 of bytes; `crc` is that of preceding bytes. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  const [one, two, three, four] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let value = ~crc;
  let i = 0;
  for (const end = bytes.length - 3; i < end; i += 4) {
    value ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    value = four[value & 0xff]! ^ three[(value >>> 8) & 0xff]! ^ two[(value >>> 16) & 0xff]! ^ one[value >>> 24]!;
  }
  for (; i < bytes.length; i++) value = (value >>> 8) ^ one[(value ^ bytes[i]!) & 0xff]!;
  return ~value >>> 0;
}
