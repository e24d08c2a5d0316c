/** Defines the eight flips and quarter turns of a square image, for thumbnails and for their frequencies. */

/** out[y, x] = in[r, c], where (r, c) is (x, y) with `transpose`, else (y, x). A flipped index counts from the opposite side. */
export interface Turn {
  readonly name: string;
  readonly transpose: boolean;
  readonly flipRows: boolean;
  readonly flipColumns: boolean;
}

/** The dihedral group of the square; index 0 is the identity. */
export const turns: readonly Turn[] = [
  { name: "as it is", transpose: false, flipRows: false, flipColumns: false },
  { name: "mirrored left to right", transpose: false, flipRows: false, flipColumns: true },
  { name: "mirrored top to bottom", transpose: false, flipRows: true, flipColumns: false },
  { name: "rotated by 180°", transpose: false, flipRows: true, flipColumns: true },
  { name: "mirrored along the diagonal", transpose: true, flipRows: false, flipColumns: false },
  { name: "rotated left by 90°", transpose: true, flipRows: false, flipColumns: true },
  { name: "rotated right by 90°", transpose: true, flipRows: true, flipColumns: false },
  { name: "mirrored along the other diagonal", transpose: true, flipRows: true, flipColumns: true },
];

/** For each pixel of a rotated size x size image, the index of its source pixel. */
export function rotatedPlaces({ transpose, flipRows, flipColumns }: Turn, size: number): Int32Array {
  const places = new Int32Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const row = transpose ? x : y;
      const column = transpose ? y : x;
      places[y * size + x] = (flipRows ? size - 1 - row : row) * size + (flipColumns ? size - 1 - column : column);
    }
  }
  return places;
}

/** The inverse of a flip or rotation. Only the two quarter turns are not their own inverse. */
export function inverseTurn(turn: number): number {
  return turn === 5 ? 6 : turn === 6 ? 5 : turn;
}
