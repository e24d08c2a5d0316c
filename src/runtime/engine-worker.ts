// The thread a program runs in: takes requests one after the other and gives the caller's arrays back.
import { parentPort, workerData } from "node:worker_threads";
import { type CompiledProgram, Engine, type EngineOptions } from "./engine.js";
import { type Answer, type Request, serve } from "./program.js";

const { program, options } = workerData as { program: CompiledProgram; options: EngineOptions };
const engine = new Engine(program, options);
const port = parentPort!;
let last: Promise<void> = Promise.resolve();

port.on("message", ({ id, request }: { id: number; request: Request }) => {
  last = last.then(() => answer(id, request));
});

async function answer(id: number, request: Request): Promise<void> {
  let reply: Answer;
  const buffers = new Set<ArrayBuffer>();
  try {
    const results = await serve(engine, request);
    const feeds = request.kind === "run" ? request.feeds : undefined;
    for (const array of [...Object.values(results ?? {}), ...Object.values(feeds ?? {})]) {
      buffers.add(array.buffer as ArrayBuffer);
    }
    reply = { id, results, feeds };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    reply = { id, error: { name, message } };
  }
  port.postMessage(reply, [...buffers]);
}
