/**
 * Implements a communicator with MPI. A separate thread makes every MPI call; this side sends it commands and memory.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import { builtModule } from "../../files/built-module.js";
import { closable } from "../../files/closable.js";
import { type Communicator, DistributedError, reportFailure, single } from "./communicator.js";
import { type Launch, launchOf, libraryVariable, timeoutVariable, waitingLimit } from "./launcher.js";

/** A command to the thread. */
export type Command =
  | { readonly kind: "open" | "barrier" | "finalize" | "abort" }
  | { readonly kind: "sum"; readonly values: Float32Array | Float64Array }
  | { readonly kind: "gather"; readonly value: number }
  | { readonly kind: "broadcast"; readonly bytes: Uint8Array | undefined; readonly root: number };

/** The thread's reply. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/**
 * The ranks that this process belongs to, as its launcher states; without a launcher a single rank, and MPI is never
 * loaded. Throws DistributedError when there is no MPI library, or when library and launcher do not belong together.
 */
export async function openCommunicator(launch: Launch | undefined = launchOf()): Promise<Communicator> {
  return launch ? await openMpi(launch) : single;
}

// Milliseconds that a rank other than the first waits before it reports a failure: when all ranks fail in the same way,
// the first one reports.
const othersWait = 1000;
// Milliseconds that the launcher has to forward the message; MPICH's drops what it has not read when a rank ends the job.
const forwardWait = 200;
// Milliseconds that the thread has to end the job; it cannot while it waits inside MPI for another rank.
const abortWait = 2000;

// Interval of the checks for a timeout, in milliseconds.
const tick = 500;

/**
 * Settings of UCX, the transport layer of many MPI builds (Debian's MPICH among them). A variable that is already set
 * is kept.
 *
 * UCX's memory events patch functions of the C library while other threads run them, and test the result by growing and
 * shrinking the heap. Memory that another thread has just allocated there is lost. In a process with several threads,
 * such as Node, 5 of 30 starts crashed or hung under load, and none without memory events. Only registered memory of
 * RDMA networks needs them. UCX's signal handlers would replace V8's.
 */
const ucxSettings = { UCX_MEM_EVENTS: "n", UCX_ERROR_SIGNALS: "" };

/**
 * Collects garbage in one go. Gradients pass from one thread to another in every step, and each thread counts them as
 * memory of its own: V8 then starts an incremental collection about twice a step, whose many small steps wait for cores
 * that the ranks compute on. Two ranks on two cores train a MobileNetV3 (5 million numbers in the gradients, batches of
 * 2 x 32 images of 64 pixels) at 597 images/s without it, 398 with it.
 */
const garbageCollection = "--no-incremental-marking";

async function openMpi(launch: Launch): Promise<Communicator> {
  setFlagsFromString(garbageCollection);
  // set here because a worker's environment is a copy that C code does not see
  for (const [name, value] of Object.entries(ucxSettings)) process.env[name] ??= value;
  const limit = waitingLimit();
  const bare = startThread(launch);
  const end = async (error: unknown): Promise<void> => {
    if (launch.rank > 0) await sleep(othersWait);
    reportFailure(launch, error);
    await sleep(forwardWait);
    void bare.call({ kind: "abort" }).catch(() => undefined);
    await sleep(abortWait);
    // Node cannot end a thread that is inside MPI, so process.exit would wait forever. Launchers end a job when one of
    // its processes is killed.
    process.kill(process.pid, "SIGKILL");
  };
  const thread = watched(bare, limit, (error) => void end(error));
  let opened: Pick<Communicator, "rank" | "size" | "library">;
  try {
    opened = (await thread.call({ kind: "open" })) as typeof opened;
  } catch (error) {
    await thread.end();
    throw error;
  }
  const { rank, size, library } = opened;
  if (size !== launch.size) {
    await thread.call({ kind: "finalize" }).catch(() => undefined);
    throw new DistributedError(
      `${launch.launcher} started ${launch.size} ranks, but the library (${library}) sees ${size}: they do not belong together; start with that library's own mpiexec, or set ${libraryVariable} to the library of the launcher (Debian: libmpich.so.12 for mpiexec.mpich, libmpi.so.40 for mpiexec.openmpi)`,
    );
  }
  return closable<Communicator>({
    rank,
    size,
    library,
    sum: async <T extends Float32Array | Float64Array>(values: T) => (await thread.call({ kind: "sum", values })) as T,
    gather: async (value) => Array.from((await thread.call({ kind: "gather", value })) as Float64Array),
    broadcast: async (bytes, root = 0) => {
      if (root === rank && !bytes)
        throw new DistributedError(`broadcast: rank ${rank} is the root but has no bytes; expected bytes to send`);
      return (await thread.call({ kind: "broadcast", bytes: root === rank ? bytes : undefined, root })) as Uint8Array;
    },
    barrier: async () => {
      await thread.call({ kind: "barrier" });
    },
    abort: async (error) => {
      await end(error);
      throw error;
    },
    close: async () => {
      // Some implementations of MPI_Finalize do not wait for the others, and launchers end a job when a finished rank
      // exits with an error.
      await thread.call({ kind: "barrier" });
      await thread.call({ kind: "finalize" });
      await thread.end();
    },
  });
}

interface MpiThread {
  call(command: Command): Promise<unknown>;
  /** Ends the thread, which must not be inside a call. */
  end(): Promise<void>;
}

/**
 * A thread with a limit on how long a call may wait for the other ranks. A suspended rank, or one whose machine is
 * unreachable, closes no connection, and MPI waits for it forever. `expired` is called once.
 */
function watched(thread: MpiThread, limit: number, expired: (error: DistributedError) => void): MpiThread {
  let over = false;
  const call = async (command: Command): Promise<unknown> => {
    let waited = 0;
    let last = performance.now();
    // Only counts time while this process runs: if all ranks were suspended together, none is late.
    const timer = setInterval(() => {
      const now = performance.now();
      waited += Math.min(now - last, 2 * tick);
      last = now;
      if (over || waited < 1000 * limit) return;
      over = true;
      expired(
        new DistributedError(
          `waited ${limit} s for the other ranks (${command.kind}): one of them, which reports no error, is suspended or cannot be reached; find out why, then go on from the last checkpoint with --resume; ${timeoutVariable}=SECONDS sets how long to wait, 0 to wait forever`,
        ),
      );
    }, tick);
    timer.unref();
    try {
      return await thread.call(command);
    } finally {
      clearInterval(timer);
    }
  };
  return { call, end: thread.end };
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

function startThread(launch: Launch): MpiThread {
  // Clears the process's flags: the thread runs built code, and flags such as --input-type would stop it.
  const url = builtModule(import.meta.url, "./mpi-worker.js");
  const worker = new Worker(url, { workerData: launch, name: "fovea mpi", execArgv: [] });
  const pending = new Map<number, Pending>();
  let failure: Error | undefined;
  let next = 0;
  const fail = (error: Error): void => {
    failure ??= error;
    for (const { reject } of pending.values()) reject(failure);
    pending.clear();
  };
  worker.on("message", (answer: Answer) => {
    const waiting = pending.get(answer.id);
    pending.delete(answer.id);
    if (pending.size === 0) worker.unref();
    if ("error" in answer) waiting?.reject(new DistributedError(answer.error));
    else waiting?.resolve(answer.value);
  });
  worker.on("error", (error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
  const ended = new Promise<void>((resolve) => {
    worker.on("exit", (code) => {
      fail(new DistributedError(`the MPI thread has ended (code ${code})`));
      resolve();
    });
  });
  worker.unref();
  return {
    call: (command) => {
      if (failure) return Promise.reject(failure);
      return new Promise((resolve, reject) => {
        const id = next++;
        const packed = handedOver(command);
        pending.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ id, command: packed.command }, packed.buffers);
      });
    },
    end: async () => {
      await worker.terminate();
      await ended;
    },
  };
}

/**
 * Prepares a command for the thread: arrays that are whole buffers are transferred, views of larger ones are copied.
 */
function handedOver(command: Command): { readonly command: Command; readonly buffers: ArrayBuffer[] } {
  if (command.kind === "sum") {
    const values = whole(command.values);
    return { command: { ...command, values }, buffers: [values.buffer as ArrayBuffer] };
  }
  if (command.kind === "broadcast" && command.bytes) {
    const bytes = whole(command.bytes);
    return { command: { ...command, bytes }, buffers: [bytes.buffer as ArrayBuffer] };
  }
  return { command, buffers: [] };
}

function whole<T extends Float32Array | Float64Array | Uint8Array>(array: T): T {
  const { buffer, byteLength } = array;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) return array;
  // not `slice` for bytes: on a Buffer it returns a view, often of the pool that Node's small Buffers share
  return (array instanceof Uint8Array ? new Uint8Array(array) : array.slice()) as T;
}
