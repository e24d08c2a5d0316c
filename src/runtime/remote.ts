/** Requests to an engine, and the engine that answers them in the calling thread. */
import type { Attempt, Engine, Feeds } from "./engine.js";

/** Requests to the engine; the messages between the two threads. */
export type Request =
  | { readonly kind: "prepare" }
  | {
      readonly kind: "run";
      readonly name: string;
      readonly feeds: Feeds;
      readonly commitWhenFinite?: readonly string[] | undefined;
    }
  | { readonly kind: "read"; readonly names: readonly string[] }
  | { readonly kind: "write"; readonly values: Feeds };

/** An engine that is called by messages: in this thread, or in another. */
export interface Remote {
  call(request: Request): Promise<Attempt>;
  close(): Promise<void>;
}

export const closedMessage = "the program is closed";

/** Executes a request on an engine; requests without results return an empty object. */
export async function serve(engine: Engine, request: Request): Promise<Attempt> {
  switch (request.kind) {
    case "prepare":
      await engine.prepare();
      return { results: {}, committed: false };
    case "run":
      return engine.run(request.name, request.feeds, request.commitWhenFinite);
    case "read":
      return { results: await engine.read(request.names), committed: false };
    case "write":
      engine.write(request.values);
      return { results: {}, committed: true };
  }
}

/** Runs an engine in the calling thread, one request after the other. */
export class LocalEngine implements Remote {
  private last: Promise<unknown> = Promise.resolve();
  private closed: Promise<void> | undefined;
  constructor(private readonly engine: Engine) {}

  call(request: Request): Promise<Attempt> {
    if (this.closed) return Promise.reject(new Error(closedMessage));
    const result = this.last.then(() => serve(this.engine, request));
    this.last = result.catch(() => {});
    return result;
  }

  async close(): Promise<void> {
    this.closed ??= this.last.then(() => this.engine.close());
    await this.closed;
  }
}
