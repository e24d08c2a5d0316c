/** Runs jobs of a benchmark in a child process, one at a time, for the parent process (processes.ts). */
import { openContext, type SuiteContext } from "./context.js";
import type { FromProcess, ToProcess } from "./processes.js";
import { methodNamed } from "./protocol/methods.js";
import { sweepSettings } from "./protocol/sweep.js";
import { chooseTasks, tasksOf } from "./suites.js";

/** Interval of progress messages, in milliseconds. */
const progressInterval = 200;

const send = (message: FromProcess): void => void process.send!(message);

let context: SuiteContext | undefined;
let sentAt = 0;

async function answer(message: ToProcess): Promise<FromProcess> {
  if (message.kind === "job") {
    await context!.run(message.job);
    return { kind: "done" };
  }
  const { suite, tasks, method: name, sweep, trials, ...rest } = message.options;
  const method = methodNamed(name);
  context = await openContext({
    ...rest,
    suite,
    tasks: chooseTasks(tasksOf(suite, rest.data), tasks),
    method,
    settings: sweepSettings(sweep, method, { trials, imageSize: rest.imageSize }),
    onProgress: (_, done) => {
      if (performance.now() - sentAt < progressInterval) return;
      sentAt = performance.now();
      send({ kind: "progress", done });
    },
  });
  return { kind: "opened" };
}

process.on("message", (message: ToProcess) => {
  answer(message).then(send, (error: unknown) =>
    send({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
// The parent process has exited, so nobody needs the results.
process.on("disconnect", () => process.exit(0));
