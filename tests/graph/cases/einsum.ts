/** Einstein summation against a sum over all values of all letters. */
import * as g from "../../../src/graph/index.js";
import { type Array64, at, build, indexAt } from "../../support/arrays.js";
import { normal, type OperationCase, row } from "../../support/conformance.js";

/** The sum, with letters alone: what `...` stands for is written as letters here. */
function einsum(terms: readonly string[], output: string, operands: readonly Array64[]): Array64 {
  const sides = new Map<string, number>();
  terms.forEach((term, i) => {
    [...term].forEach((letter, axis) => {
      sides.set(letter, Math.max(sides.get(letter) ?? 1, operands[i]!.shape[axis]!));
    });
  });
  const summed = [...sides.keys()].filter((letter) => !output.includes(letter));
  const summedShape = summed.map((letter) => sides.get(letter)!);
  const count = summedShape.reduce((a, b) => a * b, 1);
  return build(
    [...output].map((letter) => sides.get(letter)!),
    (index) => {
      let total = 0;
      for (let i = 0; i < count; i++) {
        const inner = indexAt(summedShape, i);
        const positions = new Map([
          ...[...output].map((letter, axis) => [letter, index[axis]!] as const),
          ...summed.map((letter, axis) => [letter, inner[axis]!] as const),
        ]);
        total += operands.reduce((product, x, k) => {
          const own = [...terms[k]!].map((letter, axis) => (x.shape[axis] === 1 ? 0 : positions.get(letter)!));
          return product * at(x, own);
        }, 1);
      }
      return total;
    },
  );
}

// equation, shapes, and the same with letters alone where it differs
const equations: readonly [string, number[][], string?][] = [
  [
    "ij,jk->ik",
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    "ij,kj->ik",
    [
      [2, 3],
      [4, 3],
    ],
  ],
  [
    "ji,jk->ki",
    [
      [3, 2],
      [3, 4],
    ],
  ],
  [
    "bij,bjk->bik",
    [
      [2, 2, 3],
      [2, 3, 4],
    ],
  ],
  [
    "bqd,bkd->bqk",
    [
      [2, 3, 4],
      [2, 2, 4],
    ],
  ],
  [
    "bhqd,bhkd->bhqk",
    [
      [2, 2, 3, 2],
      [2, 2, 4, 2],
    ],
  ],
  [
    "nthd,nshd->nhts",
    [
      [2, 3, 2, 2],
      [2, 4, 2, 2],
    ],
  ], // heads between tokens and width
  [
    "bti,io->bto",
    [
      [2, 3, 4],
      [4, 2],
    ],
  ],
  [
    "nchw,oc->nohw",
    [
      [2, 3, 2, 2],
      [4, 3],
    ],
  ],
  ["i,j->ij", [[3], [4]]], // outer product
  ["i,i->", [[4], [4]]],
  [
    "ij,ij->ij",
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    "ij,ij->j",
    [
      [2, 3],
      [2, 3],
    ],
  ],
  ["ij,j->ij", [[2, 3], [3]]],
  ["ij->ji", [[2, 3]]],
  ["ijk->j", [[2, 3, 4]]],
  ["ij->", [[2, 3]]],
  ["ii->i", [[3, 3]]], // diagonal
  ["ii", [[3, 3]], "ii->"], // trace
  ["iji->ij", [[3, 2, 3]]],
  ["iii->i", [[2, 2, 2]]],
  [
    "ij,jk",
    [
      [2, 3],
      [3, 2],
    ],
    "ij,jk->ik",
  ],
  ["ba", [[2, 3]], "ba->ab"],
  [
    "ij,kl->kjil",
    [
      [2, 3],
      [2, 2],
    ],
  ],
  [
    "ijk,kl->jl",
    [
      [2, 3, 4],
      [4, 2],
    ],
  ], // i is in one operand alone
  [
    "ij,jk,kl->il",
    [
      [2, 3],
      [3, 4],
      [4, 2],
    ],
  ],
  ["i,i,i->i", [[3], [3], [3]]],
  [
    "bi,ij,bj->b",
    [
      [2, 3],
      [3, 4],
      [2, 4],
    ],
  ], // bilinear form
  [
    "b i d , b j d -> b i j",
    [
      [2, 2, 3],
      [2, 2, 3],
    ],
    "bid,bjd->bij",
  ],
  [
    "...ij,...jk->...ik",
    [
      [2, 3, 2, 2],
      [2, 3, 2, 4],
    ],
    "abij,abjk->abik",
  ],
  [
    "...ij,jk->...ik",
    [
      [2, 3, 2],
      [2, 4],
    ],
    "aij,jk->aik",
  ],
  [
    "...i,...i->...",
    [
      [2, 1, 3],
      [4, 3],
    ],
    "abi,bi->ab",
  ], // broadcast
  [
    "i...,i...->i...",
    [
      [2, 3],
      [2, 1],
    ],
    "ij,ij->ij",
  ],
  ["...,->...", [[2, 3], []], "ab,->ab"],
  ["...i", [[2, 3]], "ai->ai"],
];

export const einsumFamily: readonly OperationCase[] = equations.map(([equation, shapes, plain]) => {
  const [left = "", output = ""] = (plain ?? equation).split("->");
  return row(
    `einsum ${equation} of ${shapes.map((shape) => `[${shape}]`).join(" and ")}`,
    "einsum",
    shapes.map((shape) => normal(...shape)),
    (...operands) => g.einsum(equation, ...operands),
    (...operands) => einsum(left.split(","), output, operands),
  );
});
