/**
 * How much the tests cover. `npm test` ends in time on two slow cores: of what is tested many times over (on a software
 * WebGPU device, on newer Nodes, with other package managers) it takes a part. FOVEA_TEST_EVERYTHING=1 takes all of it.
 */
import type { OperationCase } from "./conformance.js";

/** Whether everything is tested. */
export const everything = Boolean(process.env["FOVEA_TEST_EVERYTHING"]);

/** The first of a list; all where everything is tested. */
export const firstOf = <T>(all: readonly T[]): readonly T[] => (everything ? all : all.slice(0, 1));

/** The first case of each operation and those that name none; every case where everything is tested. */
export function casesOf(cases: readonly OperationCase[]): readonly OperationCase[] {
  const seen = new Set<string>();
  return cases.filter(({ operations }) => {
    const isNew = operations.length === 0 || operations.some((operation) => !seen.has(operation));
    for (const operation of operations) seen.add(operation);
    return everything || isNew;
  });
}
