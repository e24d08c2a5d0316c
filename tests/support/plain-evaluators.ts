/** Classifiers on frozen features in plain loops of doubles, row by row, written from their definitions. */

export type Rows = readonly (readonly number[])[];

/** Solves A x = b for several right sides by Gaussian elimination with pivoting. */
function solve(a: Rows, b: Rows): number[][] {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...b[i]!]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r]![i]!) > Math.abs(rows[pivot]![i]!)) pivot = r;
    [rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = rows[r]![i]! / rows[i]![i]!;
      for (let c = i; c < rows[r]!.length; c++) rows[r]![c]! -= factor * rows[i]![c]!;
    }
  }
  return rows.map((row, i) => row.slice(n).map((value) => value / row[i]!));
}

const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);

function scaleOf(rows: Rows): { mean: number[]; deviation: number[] } {
  const columns = rows[0]!.map((_, j) => rows.map((row) => row[j]!));
  const mean = columns.map((column) => column.reduce((a, b) => a + b) / column.length);
  const deviation = columns.map(
    (column, j) => Math.sqrt(column.reduce((sum, x) => sum + (x - mean[j]!) ** 2, 0) / column.length) + 1e-5,
  );
  return { mean, deviation };
}

const scaled = (rows: Rows, { mean, deviation }: ReturnType<typeof scaleOf>): number[][] =>
  rows.map((row) => row.map((value, j) => (value - mean[j]!) / deviation[j]!));

const targets = (labels: readonly number[], classes: number): number[][] =>
  labels.map((label) => Array.from({ length: classes }, (_, c) => (c === label ? 1 : -1)));

/** Scores of queries by W = (X^T X + l2 I)^-1 X^T Y on standardised features with a constant of 100 (papers.md 6). */
export function plainRidge(
  rows: Rows,
  labels: readonly number[],
  classes: number,
  l2: number,
  queries: Rows,
): number[][] {
  const scale = scaleOf(rows);
  const design = (given: Rows) => scaled(given, scale).map((row) => [...row, 100]);
  return ridgeScores(design(rows), targets(labels, classes), l2, design(queries));
}

function ridgeScores(x: Rows, y: Rows, l2: number, queries: Rows): number[][] {
  const width = x[0]!.length;
  const column = (rows: Rows, j: number) => rows.map((row) => row[j]!);
  const gram = Array.from({ length: width }, (_, i) =>
    Array.from({ length: width }, (_, j) => dot(column(x, i), column(x, j)) + (i === j ? l2 : 0)),
  );
  const right = Array.from({ length: width }, (_, i) => y[0]!.map((_, c) => dot(column(x, i), column(y, c))));
  const weights = solve(gram, right);
  return queries.map((query) => y[0]!.map((_, c) => dot(query, column(weights, c))));
}

/** Scores of each row by a ridge of the others, standardised by all. */
export function plainLeaveOneOut(rows: Rows, labels: readonly number[], classes: number, l2: number): number[][] {
  const x = scaled(rows, scaleOf(rows)).map((row) => [...row, 100]);
  const y = targets(labels, classes);
  const without = <T>(list: readonly T[], i: number) => list.filter((_, at) => at !== i);
  return x.map((row, i) => ridgeScores(without(x, i), without(y, i), l2, [row])[0]!);
}

/** -|x - class mean|^2 less what all classes share. */
export function plainPrototypes(rows: Rows, labels: readonly number[], classes: number, queries: Rows): number[][] {
  const means = Array.from({ length: classes }, (_, c) => {
    const own = rows.filter((_, i) => labels[i] === c);
    return rows[0]!.map((_, j) => own.reduce((sum, row) => sum + row[j]!, 0) / own.length);
  });
  return queries.map((query) =>
    means.map((mean) => dot(query, query) - query.reduce((sum, value, j) => sum + (value - mean[j]!) ** 2, 0)),
  );
}

/** Logarithms of the shares of exp(cosine / 0.07) among the k most similar rows. */
export function plainNeighbours(
  rows: Rows,
  labels: readonly number[],
  classes: number,
  k: number,
  queries: Rows,
): number[][] {
  return queries.map((query) => {
    const cosines = rows.map((row) => dot(row, query) / Math.sqrt(dot(row, row) * dot(query, query)));
    const order = cosines.map((_, i) => i).sort((a, b) => cosines[b]! - cosines[a]! || a - b);
    const votes = new Array<number>(classes).fill(0);
    for (const i of order.slice(0, k)) votes[labels[i]!]! += Math.exp(cosines[i]! / 0.07);
    const total = votes.reduce((a, b) => a + b);
    return votes.map((vote) => Math.log(vote / total + 1e-12));
  });
}

/** Softmax regression by SGD with momentum 0.9 from zeros, on the batches given, its rate falling at 30, 60 and 90 %. */
export function plainProbe(
  rows: Rows,
  labels: readonly number[],
  classes: number,
  learningRate: number,
  drawn: readonly (readonly number[])[],
  queries: Rows,
): number[][] {
  const scale = scaleOf(rows);
  const x = scaled(rows, scale).map((row) => [...row, 1]);
  const zeros = () => x[0]!.map(() => new Array<number>(classes).fill(0));
  const weights = zeros();
  const velocity = zeros();
  const logitsOf = (row: readonly number[]) =>
    Array.from({ length: classes }, (_, c) => row.reduce((sum, value, j) => sum + value * weights[j]![c]!, 0));
  for (const [step, batch] of drawn.entries()) {
    const gradient = zeros();
    for (const i of batch) {
      const logits = logitsOf(x[i]!);
      const exponentials = logits.map((z) => Math.exp(z - Math.max(...logits)));
      const total = exponentials.reduce((a, b) => a + b);
      for (let c = 0; c < classes; c++) {
        const error = exponentials[c]! / total - (labels[i] === c ? 1 : 0);
        for (const [j, value] of x[i]!.entries()) gradient[j]![c]! += (error * value) / batch.length;
      }
    }
    const fallen = [0.3, 0.6, 0.9].filter((share) => step >= Math.floor(share * drawn.length)).length;
    for (const [j, row] of gradient.entries()) {
      for (const [c, g] of row.entries()) {
        velocity[j]![c] = 0.9 * velocity[j]![c]! + g;
        weights[j]![c]! -= learningRate * 0.1 ** fallen * velocity[j]![c];
      }
    }
  }
  return scaled(queries, scale).map((row) => logitsOf([...row, 1]));
}

/** Logits of softmax regression with |W|^2 / 2 + C times the summed loss at its minimum, by Newton's method from zeros. */
export function plainLogistic(
  rows: Rows,
  labels: readonly number[],
  classes: number,
  c: number,
  queries: Rows,
): number[][] {
  const x = rows.map((row) => [...row, 1]);
  const width = x[0]!.length;
  const count = width * classes;
  const weights = new Array<number>(count).fill(0);
  const logits = (row: readonly number[]) =>
    Array.from({ length: classes }, (_, k) =>
      row.reduce((sum, value, j) => sum + value * weights[j * classes + k]!, 0),
    );
  // The bias is not penalised; what this little does to it fixes the constant that softmax does not see.
  const penalty = (at: number) => (Math.floor(at / classes) < width - 1 ? 1 : 1e-9);
  for (let step = 0; step < 60; step++) {
    const gradient = weights.map((weight, at) => penalty(at) * weight);
    const hessian = weights.map((_, a) => weights.map((__, b) => (a === b ? penalty(a) : 0)));
    for (const [i, row] of x.entries()) {
      const z = logits(row);
      const exponentials = z.map((value) => Math.exp(value - Math.max(...z)));
      const total = exponentials.reduce((a, b) => a + b);
      const p = exponentials.map((value) => value / total);
      for (let j = 0; j < width; j++)
        for (let k = 0; k < classes; k++) {
          gradient[j * classes + k]! += c * row[j]! * (p[k]! - (labels[i] === k ? 1 : 0));
          for (let m = 0; m < width; m++)
            for (let l = 0; l < classes; l++)
              hessian[j * classes + k]![m * classes + l]! +=
                c * row[j]! * row[m]! * p[k]! * ((k === l ? 1 : 0) - p[l]!);
        }
    }
    const moves = solve(
      hessian,
      gradient.map((value) => [value]),
    );
    for (let at = 0; at < count; at++) weights[at]! -= moves[at]![0]!;
  }
  return queries.map((query) => logits([...query, 1]));
}
