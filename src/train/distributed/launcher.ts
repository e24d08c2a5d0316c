/**
 * Whether this process was started as one rank of several, by what, and how many there should be; from the environment alone,
 * so that a plain run never loads MPI.
 */
import { DistributedError } from "./communicator.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment variable that names the MPI library by hand. */
export const libraryVariable = "FOVEA_MPI_LIBRARY";

/** The environment variable for how many seconds a rank waits for the others before it ends the job; 0 is for ever. */
export const timeoutVariable = "FOVEA_MPI_TIMEOUT";

/** That of PyTorch's NCCL process groups: longer than anything that one rank does while the others wait. */
const defaultTimeout = 600;

/** How many seconds a rank waits for the others, Infinity for ever. Throws DistributedError for a setting that is no number. */
export function waitingLimit(environment: Environment = process.env): number {
  const text = environment[timeoutVariable];
  if (text === undefined || text === "") return defaultTimeout;
  const seconds = Number(text);
  if (seconds >= 0) return seconds === 0 ? Number.POSITIVE_INFINITY : seconds;
  throw new DistributedError(
    `${timeoutVariable}=${text} is not a number of seconds; give one such as 600, or 0 to wait for ever`,
  );
}

/** One rank of a job, as its launcher says. */
export interface Launch {
  readonly rank: number;
  /** Ranks of the job. */
  readonly size: number;
  /** The launcher, in words. */
  readonly launcher: string;
  /** The family of MPI it belongs to, where it belongs to one. */
  readonly family: "mpich" | "openmpi" | undefined;
}

/**
 * The launch an environment tells of; undefined for a process started alone. Throws DistributedError for tasks of `srun`
 * that were given no way to find each other.
 *
 * MPICH, Intel MPI and `srun --mpi=pmi2` set PMI_RANK and PMI_SIZE; Open MPI's mpiexec sets OMPI_COMM_WORLD_RANK and _SIZE;
 * `srun --mpi=pmix` sets PMIX_RANK, and the size is Slurm's. SLURM_PROCID alone means nothing: a batch script has it too.
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
    `srun started ${tasks} tasks without a way to find each other; give srun --mpi=pmi2 for MPICH or --mpi=pmix for Open MPI ("srun --mpi=list" shows what there is), or -n 1 for a run of its own`,
  );
}
