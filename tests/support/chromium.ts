/** Debian's chromium without a window, driven through its debugging pipe (https://chromedevtools.github.io/devtools-protocol/). */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Path of the browser; undefined where none is installed. */
export const chromium: string | undefined = (process.env["PATH"] ?? "")
  .split(delimiter)
  .flatMap((folder) => names.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

/** Why tests in a browser cannot run here; undefined when they can, and then they must. */
export const missingChromium = chromium === undefined ? "chromium is not installed" : undefined;

/** WebGPU on the software device that comes with the browser. */
const softwareWebGpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

interface Reply {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

interface Evaluated {
  readonly result: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly text: string; readonly exception?: { readonly description?: string } };
}

export interface Page {
  /** Value of a JavaScript expression in the page, which must be JSON; a promise is awaited. Throws what the page throws. */
  evaluate(expression: string): Promise<unknown>;
  /** Waits until an expression is true. Throws after the given seconds, with the value of the expression `state`. */
  until(expression: string, seconds: number, state?: string): Promise<void>;
  /** Sends a command of the protocol. */
  send(method: string, parameters?: object): Promise<Record<string, unknown>>;
}

export interface Browser extends AsyncDisposable {
  /** Opens an address in a tab of its own, and waits until it is loaded. */
  open(url: string): Promise<Page>;
}

/** Starts the browser, with WebGPU unless that is false. */
export async function startChromium({ webGpu = true } = {}): Promise<Browser> {
  if (chromium === undefined) throw new Error("chromium is not installed; install Debian's package of that name");
  const profile = mkdtempSync(join(tmpdir(), "fovea-chromium-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run"];
  const child: ChildProcess = spawn(
    chromium,
    [...flags, ...(webGpu ? softwareWebGpu : []), "--remote-debugging-pipe", `--user-data-dir=${profile}`],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const [input, output] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  const exited = new Promise<void>((resolve) => {
    child.on("exit", () => {
      for (const { reject } of waiting.values()) reject(new Error("chromium ended"));
      waiting.clear();
      resolve();
    });
  });
  let rest = "";
  output.setEncoding("utf8").on("data", (text: string) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop() ?? "";
    for (const message of messages) {
      const { id, ...reply } = JSON.parse(message) as Reply & { id?: number };
      if (id === undefined) continue;
      waiting.get(id)?.resolve(reply);
      waiting.delete(id);
    }
  });
  let lastId = 0;
  const send = async (method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> => {
    const id = ++lastId;
    const reply = await new Promise<Reply>((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
    if (reply.error) throw new Error(`${method}: ${reply.error.message}`);
    return reply.result ?? {};
  };
  const open = async (url: string): Promise<Page> => {
    const { targetId } = await send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
    const page: Page = {
      send: (method, parameters) => send(method, parameters, sessionId as string),
      evaluate: async (expression) => {
        const reply = await page.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
        const { result, exceptionDetails } = reply as unknown as Evaluated;
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
      until: async (expression, seconds, state = "document.body.innerText") => {
        const end = performance.now() + 1000 * seconds;
        while ((await page.evaluate(expression)) !== true) {
          if (performance.now() > end) {
            throw new Error(`after ${seconds} s, ${expression} is not true: ${String(await page.evaluate(state))}`);
          }
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      },
    };
    await page.send("Page.navigate", { url });
    await page.until(`location.href !== "about:blank" && document.readyState === "complete"`, 60);
    return page;
  };
  return {
    open,
    [Symbol.asyncDispose]: async () => {
      await send("Browser.close").catch(() => {});
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
