/** Worker thread of a program: answers requests in order and transfers the caller's arrays back. */
import { parentPort, workerData } from "node:worker_threads";
import { type Attempt, Engine } from "../engine.js";
import { closedMessage, type Request, serve } from "../remote.js";
import { nodePlatform } from "./platform.js";
import type { Answer, EngineWorkerData } from "./worker-engine.js";

const { program, options, closing } = workerData as EngineWorkerData;
const engine = new Engine(nodePlatform, program, { ...options, ownsThread: true });
const port = parentPort!;
let last: Promise<void> = Promise.resolve();

port.on("message", ({ id, request }: { id: number; request: Request | { readonly kind: "close" } }) => {
  last = last.then(() => (request.kind === "close" ? close() : answer(id, request)));
});

/** Releases the sessions; the thread ends when its port is closed. */
async function close(): Promise<void> {
  await engine.close();
  port.close();
}

async function answer(id: number, request: Request): Promise<void> {
  let reply: Answer;
  let served: Attempt | undefined;
  // Returned whether the run succeeds or fails: the caller has no other copy.
  const feeds = request.kind === "run" ? request.feeds : undefined;
  try {
    if (Atomics.load(closing, 0) === 1) throw new Error(closedMessage);
    served = await serve(engine, request);
    reply = { id, answer: served, feeds };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    reply = { id, feeds, error: { name, message } };
  }
  const arrays = [...Object.values(served?.results ?? {}), ...Object.values(feeds ?? {})];
  port.postMessage(reply, [...new Set(arrays.map((array) => array.buffer as ArrayBuffer))]);
}
