/** Files at http(s) addresses: sizes, ranges, whole downloads, with a limited number of retries and a timeout. */
import { defined } from "../text/defined.js";

/** Timeout and number of attempts of network requests. */
export interface RetryPolicy {
  /** Seconds without data after which a request is aborted. */
  readonly timeoutSeconds: number;
  /** Maximum number of attempts. */
  readonly attempts: number;
}

/** A file as described by its server. */
export interface RemoteFile {
  readonly url: string;
  readonly bytes: number;
  /** The ETag, or else the modification time: if it differs, the file has changed. */
  readonly tag: string;
  /** Whether byte ranges can be requested. */
  readonly ranges: boolean;
}

/** An error that a retry cannot resolve. */
export class FinalError extends Error {
  constructor(
    message: string,
    /** The status with which a server refused the request. */
    readonly statusCode?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const isRemote = (path: string): boolean => /^https?:\/\//i.test(path);

/** An address without parts that may be secret. */
export function shownUrl(url: string): string {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return url;
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Runs a request until it succeeds, at most `attempts` times, waiting 0.2 s, 0.4 s, ... between. Throws an error with the address and, if the server
 * refused, its `statusCode`; errors that `isForeign` selects are thrown as they are, at once.
 */
export async function persist<T>(
  url: string,
  retries: RetryPolicy,
  request: (alive: () => AbortSignal) => Promise<T>,
  isForeign: (error: unknown) => boolean = () => false,
): Promise<T> {
  let failure: unknown;
  for (let attempt = 0; attempt < retries.attempts; attempt++) {
    if (attempt > 0) await pause(Math.min(5000, 200 * 2 ** (attempt - 1)));
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const alive = (): AbortSignal => {
      clearTimeout(timer);
      const silent = new Error(`no byte came for ${retries.timeoutSeconds} s`);
      timer = setTimeout(() => controller.abort(silent), 1000 * retries.timeoutSeconds);
      return controller.signal;
    };
    try {
      return await request(alive);
    } catch (error) {
      if (isForeign(error)) throw error;
      failure = error;
      if (error instanceof FinalError) break;
    } finally {
      clearTimeout(timer);
      // Do not wait for the unread rest of a response.
      controller.abort();
    }
  }
  const tries = failure instanceof FinalError ? "" : ` (tried ${retries.attempts} times)`;
  const text = `${shownUrl(url)} cannot be read: ${reasonOf(failure)}${tries}`;
  throw new FinalError(text, failure instanceof FinalError ? failure.statusCode : undefined, { cause: failure });
}

/** The cause of a network error, which fetch wraps. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const inner = cause as NodeJS.ErrnoException | undefined;
  return inner ? `${message} (${inner.code ?? inner.message})` : message;
}

/** Sends a GET request and returns the response. Throws for other statuses than 2xx, with FinalError if a retry cannot help. */
async function get(url: string, signal: AbortSignal, range?: string): Promise<Response> {
  const response = await fetch(url, { signal, headers: defined({ "accept-encoding": "identity", range }) });
  const refusal = refusalOf(response);
  if (refusal) throw refusal;
  return response;
}

/** The error for a response that is not a file, a FinalError if a retry cannot help; undefined for one that is. */
export function refusalOf(response: Response): Error | undefined {
  if (response.ok && response.body) return undefined;
  const text = `the server answered ${response.status}${response.statusText === "" ? "" : ` ${response.statusText}`}`;
  // 408, 425, 429 and server errors are transient (RFC 9110, RFC 6585).
  if (response.status >= 500 || [408, 425, 429].includes(response.status)) return new Error(text);
  return new FinalError(text, response.status);
}

/** The ETag of a response, or else the modification time; "" if it has neither. */
export const tagOf = ({ headers }: Response): string => headers.get("etag") ?? headers.get("last-modified") ?? "";

/** Requests the first byte of a file to determine its properties. Throws an error with the address. */
export function probe(url: string, retries: RetryPolicy): Promise<RemoteFile> {
  return persist(url, retries, async (alive) => {
    const response = await get(url, alive(), "bytes=0-0");
    const total = /^bytes 0-0\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
    const ranges = response.status === 206 && total !== undefined;
    const length = ranges ? total : response.headers.get("content-length");
    if (length === null || !/^\d+$/.test(length))
      throw new FinalError("the server does not say how large the file is (no Content-Length)");
    return { url, bytes: Number(length), tag: tagOf(response), ranges };
  });
}

/** Reads a part of a file. Throws an error with the address, also if the file has changed since it was described. */
export function readRange(
  file: RemoteFile,
  offset: number,
  size: number,
  retries: RetryPolicy,
): Promise<Uint8Array<ArrayBuffer>> {
  if (size === 0) return Promise.resolve(new Uint8Array(0));
  return persist(file.url, retries, async (alive) => {
    const response = await get(file.url, alive(), `bytes=${offset}-${offset + size - 1}`);
    if (tagOf(response) !== file.tag) throw new FinalError("the file changed on the server; start anew");
    if (response.status !== 206) throw new Error("the server gave the whole file instead of a part");
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      alive();
      if (at + chunk.length > size) throw new Error(`more than the ${size} requested bytes came`);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at < size) throw new Error(`the connection ended after ${at} of ${size} bytes`);
    return bytes;
  });
}

/** Passes a whole file to `use` in pieces, and starts again if the connection breaks. Throws an error with the address. */
export function readWhole<T>(
  file: RemoteFile,
  retries: RetryPolicy,
  use: (content: AsyncIterable<Uint8Array>) => Promise<T>,
  isFinal: (error: unknown) => boolean = () => false,
): Promise<T> {
  return persist(file.url, retries, async (alive) => {
    const response = await get(file.url, alive());
    if (tagOf(response) !== file.tag) throw new FinalError("the file changed on the server; start anew");
    async function* pieces(): AsyncGenerator<Uint8Array> {
      let at = 0;
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        alive();
        at += chunk.length;
        yield chunk;
      }
      if (at < file.bytes) throw new Error(`the connection ended after ${at} of ${file.bytes} bytes`);
    }
    try {
      return await use(pieces());
    } catch (error) {
      if (!isFinal(error)) throw error;
      throw new FinalError((error as Error).message, undefined, { cause: error });
    }
  });
}
