/**
 * MPI as a communicator: a thread of its own makes every call, and this side sends it commands and the memory they work on.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { builtModule } from "../../files/built-module.js";
import { closable } from "../../files/closable.js";
import { type Communicator, DistributedError, reportFailure, single } from "./communicator.js";
import { type Launch, launchOf, libraryVariable, timeoutVariable, waitingLimit } from "./launcher.js";

/** What the thread is asked to do. */
export type Command =
  | { readonly kind: "open" | "barrier" | "finalize" | "abort" }
  | { readonly kind: "sum"; readonly values: Float32Array | Float64Array }
  | { readonly kind: "gather"; readonly value: number }
  | { readonly kind: "broadcast"; readonly bytes: Uint8Array | undefined; readonly root: number };

/** What it answers. */
export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/**
 * The ranks this process belongs to: those its launcher tells of, or itself alone, in which case MPI is never loaded. Throws
 * DistributedError when there is no MPI library, or when library and launcher do not belong together.
 */
export async function openCommunicator(launch: Launch | undefined = launchOf()): Promise<Communicator> {
  return launch ? await openMpi(launch) : single;
}

// How long a rank other than the first waits before it tells of a failure: when all fail alike, the first one tells.
const othersWait = 1000;
// How long the thread may take to end the job; it cannot when it waits inside MPI for another rank.
const abortWait = 2000;

// Waiting is measured this often, in milliseconds.
const tick = 500;

/**
 * Settings of UCX, which carries the messages of many builds of MPI (Debian's MPICH among them); one that is set stays.
 *
 * Its memory events replace code of the C library while other threads run it, and try the result by growing and shrinking the
 * heap: what another thread has just taken there is lost. In a process with threads of its own, as Node's, 5 of 30 starts
 * crashed or hung under load, and none without them. Only registered memory of RDMA networks misses them.
 * Its signal handlers would take the place of those that V8 has.
 */
const ucxSettings = { UCX_MEM_EVENTS: "n", UCX_ERROR_SIGNALS: "" };

async function openMpi(launch: Launch): Promise<Communicator> {
  // set here because a worker's environment is a copy, which C code does not see
  for (const [name, value] of Object.entries(ucxSettings)) process.env[name] ??= value;
  const limit = waitingLimit();
  const bare = startThread(launch);
  const end = async (error: unknown): Promise<void> => {
    if (launch.rank > 0) await sleep(othersWait);
    reportFailure(launch, error);
    void bare.call({ kind: "abort" }).catch(() => undefined);
    await sleep(abortWait);
    // Node cannot end a thread that is inside MPI, so process.exit would wait for ever; launchers end a job when a
    // process of it is killed.
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
      `${launch.launcher} started ${launch.size} ranks, but the library (${library}) sees ${size}: they do not belong together. Start with that library's own mpiexec, or set ${libraryVariable} to the library of the launcher (Debian: libmpich.so.12 for mpiexec.mpich, libmpi.so.40 for mpiexec.openmpi)`,
    );
  }
  return closable<Communicator>({
    rank,
    size,
    library,
    sum: async <T extends Float32Array | Float64Array>(values: T) => (await thread.call({ kind: "sum", values })) as T,
    gather: async (value) => Array.from((await thread.call({ kind: "gather", value })) as Float64Array),
    broadcast: async (bytes, root = 0) => {
      if (root === rank && !bytes) throw new DistributedError(`rank ${rank} is to send bytes and has none`);
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
      // Not every MPI_Finalize waits for the others, and launchers end a job when a rank that is done exits with a failure.
      await thread.call({ kind: "barrier" });
      await thread.call({ kind: "finalize" });
      await thread.end();
    },
  });
}

interface MpiThread {
  call(command: Command): Promise<unknown>;
  /** Ends the thread, which is not inside a call. */
  end(): Promise<void>;
}

/**
 * The thread with a limit to how long a call may wait for the other ranks: a rank that is suspended, or whose machine is cut off,
 * closes no connection, and MPI waits for it for ever. `expired` is called once.
 */
function watched(thread: MpiThread, limit: number, expired: (error: DistributedError) => void): MpiThread {
  let over = false;
  const call = async (command: Command): Promise<unknown> => {
    let waited = 0;
    let last = performance.now();
    // Time counts only while this process runs: one that was suspended itself, with all the others, is not late.
    const timer = setInterval(() => {
      const now = performance.now();
      waited += Math.min(now - last, 2 * tick);
      last = now;
      if (over || waited < 1000 * limit) return;
      over = true;
      expired(
        new DistributedError(
          `waited ${limit} s for the other ranks (${command.kind}): one of them is suspended or cannot be reached, one that does not say so itself. Find out why, then go on from the last checkpoint with --resume; ${timeoutVariable}=SECONDS sets how long to wait, 0 for ever`,
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
  // None of the process's own flags: the thread runs built code, and flags such as --input-type would stop it.
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
      fail(new DistributedError(`the thread that speaks MPI has ended (code ${code})`));
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

/** A command as it travels: arrays that are whole buffers are handed over, views of larger ones copied. */
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
  // not `slice` for bytes: a Buffer's is a view, often of the pool that Node's small Buffers share
  return (array instanceof Uint8Array ? new Uint8Array(array) : array.slice()) as T;
}
