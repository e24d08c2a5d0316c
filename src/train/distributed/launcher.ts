/**
 * Detects from the environment whether this process is a rank of an MPI job, how many ranks there are and which
 * launcher started it. Nothing else is read, so that a plain run never loads MPI.
 */
import { DistributedError } from "./communicator.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment variable that names the MPI library to use. */
export const libraryVariable = "FOVEA_MPI_LIBRARY";

/** The environment variable for the seconds that a rank waits for the others before it ends the job; 0: forever. */
export const timeoutVariable = "FOVEA_MPI_TIMEOUT";

/** In seconds, the default of PyTorch's NCCL process groups. No rank keeps the others waiting longer than this. */
const defaultTimeout = 600;

/**
 * The seconds that a rank waits for the others; Infinity: forever. Throws DistributedError for a value that is not a
 * number.
 */
export function waitingLimit(environment: Environment = process.env): number {
  const text = environment[timeoutVariable];
  if (text === undefined || text === "") return defaultTimeout;
  const seconds = Number(text);
  if (seconds >= 0) return seconds === 0 ? Number.POSITIVE_INFINITY : seconds;
  throw new DistributedError(
    `${timeoutVariable}=${text} is not a number of seconds; expected one such as 600, or 0 to wait forever`,
  );
}

/** One rank of a job, as described by its launcher. */
export interface Launch {
  readonly rank: number;
  /** Ranks of the job. */
  readonly size: number;
  /** The name of the launcher, for messages. */
  readonly launcher: string;
  /** The MPI family that the launcher belongs to, if known. */
  readonly family: "mpich" | "openmpi" | undefined;
}

/**
 * The launch that the environment describes; undefined for a process started alone. Throws DistributedError for `srun`
 * tasks without a process management interface, which cannot find each other.
 *
 * MPICH, Intel MPI and `srun --mpi=pmi2` set PMI_RANK and PMI_SIZE. Open MPI's mpiexec sets OMPI_COMM_WORLD_RANK and
 * _SIZE. `srun --mpi=pmix` sets PMIX_RANK, and the size is Slurm's. SLURM_PROCID alone means nothing, because a batch
 * script has it too.
 */
export function launchOf(environment: Environment = process.env): Launch | undefined {
  const number = (name: string): number | undefined => {
    const text = environment[name];
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
  };
  const launch = (rank: number | undefined, size: number | undefined, launcher: string, family: Launch["family"]) =>
    rank !== undefined && size !== undefined && size > 1 ? { rank, size, launcher, family } : undefined;
  const tasks = number("SLURM_STEP_NUM_TASKS");
  const slurm = number("SLURM_PROCID") !== undefined && (tasks ?? 0) > 1;
  const found =
    launch(number("OMPI_COMM_WORLD_RANK"), number("OMPI_COMM_WORLD_SIZE"), "Open MPI's mpiexec", "openmpi") ??
    launch(number("PMI_RANK"), number("PMI_SIZE") ?? tasks, slurm ? "srun" : "mpiexec", "mpich") ??
    launch(number("PMIX_RANK"), tasks, "srun", undefined);
  if (found || !slurm) return found;
  throw new DistributedError(
    `srun started ${tasks} tasks that cannot find each other; use srun --mpi=pmi2 for MPICH or --mpi=pmix for Open MPI ("srun --mpi=list" lists them), or -n 1 for a single process`,
  );
}
