/** The loader's worker thread: opens the source from its recipe and makes the requested batches. */
import { parentPort, workerData } from "node:worker_threads";
import { ExampleError, preprocessing } from "../../images/index.js";
import { openRecipe } from "../open.js";
import { createBatchMaker } from "./batch.js";
import { type Request, type Response, transferables, type WorkerSetup } from "./protocol.js";

const port = parentPort;
if (!port) throw new Error("loader/worker.js runs as a worker thread only");

const setup = workerData as WorkerSetup;
const maker = (async () => {
  const source = await openRecipe(setup.recipe);
  if (source.length !== setup.plan.length) {
    throw new Error(
      `${source.name} changed while it was read: it had ${setup.plan.length} examples and now has ${source.length}; start again`,
    );
  }
  return createBatchMaker(
    source,
    setup.plan,
    setup.preprocessing.map((text) => preprocessing(text)),
    setup,
  );
})();
// A failure to open is reported with the first requested batch.
maker.catch(() => undefined);

// Batches are made sequentially, so that the next one does not delay the one that is waited for.
let turn: Promise<void> = Promise.resolve();
port.on("message", (request: Request) => {
  turn = turn.then(() => answer(request));
});

async function answer({ job, epoch, batch, reuse }: Request): Promise<void> {
  const send = (response: Response): void =>
    port!.postMessage(response, "made" in response ? transferables(response.made.arrays) : []);
  try {
    send({ job, made: await (await maker).make(epoch, batch, reuse) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const { id, reason } = error instanceof ExampleError ? error : {};
    send({ job, error: { message, id, reason } });
  }
}
