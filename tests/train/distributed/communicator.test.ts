/** Ranks that talk to each other: with MPICH where the machine has it, and alone. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { abiOf, abis } from "../../../src/train/distributed/abi.js";
import { agree, launchOf, openCommunicator, single } from "../../../src/train/distributed/index.js";
import { waitingLimit } from "../../../src/train/distributed/launcher.js";
import { openMpiLibrary } from "../../../src/train/distributed/library.js";
import { noMpi, startRanks } from "../../support/mpi.js";

const rank = join(fileURLToPath(new URL("../../support", import.meta.url)), "rank.mjs");

describe("what launchers say", () => {
  test.each([
    [{}, undefined],
    [
      { PMI_RANK: "1", PMI_SIZE: "4" },
      { rank: 1, size: 4, launcher: "mpiexec", family: "mpich" },
    ],
    [
      { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "2", PMIX_RANK: "0" },
      { rank: 0, size: 2, launcher: "Open MPI's mpiexec", family: "openmpi" },
    ],
    [
      { SLURM_PROCID: "3", SLURM_STEP_NUM_TASKS: "4", PMI_RANK: "3", PMI_SIZE: "4" },
      { rank: 3, size: 4, launcher: "srun", family: "mpich" },
    ],
    [
      { SLURM_PROCID: "2", SLURM_STEP_NUM_TASKS: "4", PMIX_RANK: "2" },
      { rank: 2, size: 4, launcher: "srun", family: undefined },
    ],
    // a batch script, a single task and a single rank are plain runs
    [{ SLURM_PROCID: "0", SLURM_NTASKS: "4" }, undefined],
    [{ SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "1" }, undefined],
    [{ PMI_RANK: "0", PMI_SIZE: "1" }, undefined],
  ])("%o", (environment, expected) => {
    expect(launchOf(environment)).toEqual(expected);
  });

  test("tasks of srun that cannot find each other are refused", () => {
    expect(() => launchOf({ SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "4" })).toThrow(
      /srun started 4 tasks.*--mpi=pmi2.*--mpi=pmix/,
    );
  });
});

test("a library named by hand is recognised by its symbols and its name", () => {
  expect(abiOf("/opt/x/libmpi.so", (name) => name === "ompi_mpi_comm_world").name).toBe("openmpi");
  expect(abiOf("/opt/x/libmpi_abi.so.0", () => false).name).toBe("standard");
  expect(abiOf("/opt/x/libmpi.so", () => false).name).toBe("mpich");
});

test("a rank alone hears only itself", async () => {
  expect(await openCommunicator(undefined)).toBe(single);
  expect([...(await single.sum(Float32Array.of(1, 2)))]).toEqual([1, 2]);
  expect(await single.gather(7)).toEqual([7]);
  expect(Buffer.from(await single.broadcast(Buffer.from("x"))).toString()).toBe("x");
  await expect(single.abort(new Error("as it is"))).rejects.toThrow("as it is");
  expect(await agree(single, async () => 3)).toBe(3);
});

const launch = { rank: 0, size: 2, launcher: "mpiexec", family: "mpich" } as const;

test("where there is no library, the error says what to install", async () => {
  const nowhere = [{ ...abis[0]!, files: ["libnosuch-mpi.so.7"] }];
  await expect(openMpiLibrary(launch, undefined, nowhere)).rejects.toThrow(
    /rank 0 of 2 by mpiexec, but no MPI library was found \(tried libnosuch-mpi.so.7\).*Debian's package mpich/,
  );
});

test("a library named by hand that cannot be loaded is named", async () => {
  process.env["FOVEA_MPI_LIBRARY"] = "/nowhere/libmpi.so";
  try {
    await expect(openCommunicator(launch)).rejects.toThrow(/FOVEA_MPI_LIBRARY=\/nowhere\/libmpi.so cannot be loaded/);
  } finally {
    delete process.env["FOVEA_MPI_LIBRARY"];
  }
});

test("a rank waits ten minutes for the others, or as long as it is told", () => {
  expect([{}, { FOVEA_MPI_TIMEOUT: "2.5" }, { FOVEA_MPI_TIMEOUT: "0" }].map((one) => waitingLimit(one))).toEqual([
    600,
    2.5,
    Number.POSITIVE_INFINITY,
  ]);
  expect(() => waitingLimit({ FOVEA_MPI_TIMEOUT: "soon" })).toThrow(
    "FOVEA_MPI_TIMEOUT=soon is not a number of seconds; expected one such as 600, or 0 to wait forever",
  );
});

describe.skipIf(noMpi)(`with MPICH${noMpi ? `: ${noMpi}` : ""}`, () => {
  test("sums, gathers, broadcasts and agrees", async () => {
    const job = startRanks(2, [rank, "operations"]);
    expect(await job.ended(), job.stderr()).toBe(0);
    const results = job
      .stdout()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .sort((a, b) => Number(a["rank"]) - Number(b["rank"]));
    expect(results).toHaveLength(2);
    for (const [r, result] of results.entries()) {
      expect(result).toMatchObject({
        rank: r,
        size: 2,
        library: expect.stringMatching(/MPICH/),
        float32: true,
        float64: [1.2000000000000002, 1.2000000000000002],
        untouched: new Array(8).fill(r + 0.1),
        several: [3, 6, 9],
        gathered: [0, 10],
        bytes: "from 1",
        empty: 0,
        agreed: r,
        failed:
          r === 1
            ? { name: "RangeError", message: "only rank 1 fails" }
            : { name: "DistributedError", message: "rank 1: only rank 1 fails" },
      });
    }
  });

  test("a rank that fails ends the job and says why", async () => {
    const job = startRanks(2, [rank, "fail"]);
    expect(await job.ended()).not.toBe(0);
    expect(job.stderr()).toMatch(/fovea: rank 1 of 2 on \S+ failed, which ends the job: the disk of this rank is full/);
    expect(job.stdout()).toBe("");
  });

  test("a launcher that claims more ranks than the library sees is refused", async () => {
    // each process is started alone, with the environment of a launcher of another kind
    const environment = { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "3", FOVEA_MPI_LIBRARY: "libmpich.so.12" };
    const job = startRanks(1, [rank, "operations"], environment);
    expect(await job.ended()).not.toBe(0);
    expect(job.stderr()).toMatch(/started 3 ranks, but the library \(libmpich.so.12, MPICH [\d.]+\) sees 1/);
  });
});
