/** Parses sizes of memory. */

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * Parses `2GB`, `512MiB`, `1.5 GiB` or `800000000` to bytes: decimal units (kB, MB, GB, TB), binary units (KiB, MiB, GiB, TiB), or none for
 * bytes, in upper or lower case. Throws RangeError for other text.
 */
export function parseBytes(text: string): number {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  const unit = found && units[found[2]!.toLowerCase()];
  const bytes = Math.floor(Number(found?.[1]) * (unit || Number.NaN));
  if (bytes > 0) return bytes;
  throw new RangeError(`"${text}" is not a size of memory; write it like 2GB, 512MiB or "1.5 GiB"`);
}
