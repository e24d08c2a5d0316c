/**
 * Runs MPI in its own thread, one command after the other: every call blocks, and all calls must come from one thread.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Launch } from "./launcher.js";
import { type MpiLibrary, openMpiLibrary } from "./library.js";
import type { Answer, Command } from "./mpi.js";

const port = parentPort!;
let mpi: MpiLibrary | undefined;

interface Message {
  readonly id: number;
  readonly command: Command;
}

// The first command waits for the library to be imported; the others are carried out after it, in their order.
let last: Promise<void> = Promise.resolve();
port.on("message", (message: Message) => {
  last = last.then(() => answerTo(message));
});

async function answerTo({ id, command }: Message): Promise<void> {
  let answer: Answer;
  let buffers: ArrayBuffer[] = [];
  try {
    mpi ??= await openMpiLibrary(workerData as Launch);
    const value = carryOut(mpi, command);
    answer = { id, value };
    if (ArrayBuffer.isView(value)) buffers = [value.buffer as ArrayBuffer];
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(answer, buffers);
  // The thread ends when its port is closed.
  if (command.kind === "finalize") port.close();
}

function carryOut(mpi: MpiLibrary, command: Command): unknown {
  switch (command.kind) {
    case "open":
      return { rank: mpi.rank, size: mpi.size, library: mpi.description };
    case "sum":
      mpi.sum(command.values);
      return command.values;
    case "gather": {
      const all = new Float64Array(mpi.size);
      mpi.gather(bytesOf(Float64Array.of(command.value)), bytesOf(all));
      return all;
    }
    case "broadcast": {
      const own = command.root === mpi.rank;
      const length = Float64Array.of(own ? command.bytes!.length : 0);
      mpi.broadcast(bytesOf(length), command.root);
      const bytes = own ? command.bytes! : new Uint8Array(length[0]!);
      mpi.broadcast(bytes, command.root);
      return bytes;
    }
    case "barrier":
      mpi.barrier();
      return undefined;
    case "finalize":
      mpi.finalize();
      return undefined;
    case "abort":
      mpi.abort();
      return undefined;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
