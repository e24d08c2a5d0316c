/** Downloads a file: resumed after an interruption, verified, with a progress display. */
import { basename, dirname } from "node:path";
import { formatBytes } from "../../text/format.js";
import { noProgress, type Progress } from "../../text/progress.js";
import { type CachedFile, DownloadError, type Expected } from "../cache.js";
import { makeFolder } from "../folder.js";
import { FinalError, persist, type RetryPolicy, refusalOf } from "../remote.js";
import { downloadContext } from "./context.js";
import { Part } from "./part.js";

export interface DownloadOptions {
  readonly expected?: Expected | undefined;
  /** What the headers of a response state besides. */
  readonly describe?: ((headers: Headers) => Expected) | undefined;
  /** Headers of the request, such as an access token. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Default: 5 attempts; each is ended after 60 seconds without data. */
  readonly retries?: RetryPolicy | undefined;
}

const defaultRetries: RetryPolicy = { timeoutSeconds: 60, attempts: 5 };

/** Bytes from which the progress of a file is shown; smaller ones are complete before it could be read. */
const shownFrom = 1_000_000;

/**
 * Downloads a file to `path`. Its bytes go to `PATH.part`, which stays when the process or the connection ends; the next call asks the server for the
 * rest (Range with If-Range, RFC 9110). If the server has no ranges, or the file has changed, it starts over. One process at a time may download to a
 * path (see `fillFolder`).
 *
 * Throws DownloadError when all attempts fail (what came is kept), when the server refuses (`statusCode` is its answer), and when the bytes are not the
 * expected ones (nothing is kept); the reason of the context's signal; and errors of the disk.
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<CachedFile> {
  const { signal } = downloadContext();
  makeFolder(dirname(path));
  await using part = await Part.open(path, options.expected ?? {}, url);
  const isResumed = part.bytes > 0;
  let expected = options.expected ?? {};
  const receive = async () => {
    expected = await receiveRest(url, part, basename(path), options);
  };
  try {
    await receive();
    // what an earlier process left may be damaged
    if (isResumed && !part.matches(expected)) {
      await part.restart();
      await receive();
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isOfDisk(error)) throw error;
    throw brokenOff(part.bytes, error);
  }
  if (!part.matches(expected)) {
    await part.restart();
    throw new DownloadError(`${path}: what came does not match the checksum of its source; nothing is kept; try again`);
  }
  await part.finish();
  return part.file();
}

/** Requests what is missing until it is complete; returns what the server states of the file, besides what was known. */
async function receiveRest(
  url: string,
  part: Part,
  name: string,
  { expected = {}, describe, headers, retries = defaultRetries }: DownloadOptions,
): Promise<Expected> {
  const { signal, progress = noProgress } = downloadContext();
  let stated = expected;
  let shown: Progress | undefined;
  const request = async (alive: () => AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (part.bytes > 0 && part.bytes === stated.bytes) return;
    const response = await fetch(url, {
      signal: signal ? AbortSignal.any([alive(), signal]) : alive(),
      headers: { "accept-encoding": "identity", ...headers, ...part.rangeHeaders() },
    });
    const refusal = refusalOf(response);
    if (response.status === 416) {
      await part.restart();
      throw new Error("the server has less of the file than came before");
    }
    if (refusal) throw refusal;
    await part.accept(response);
    stated = { ...sizeIn(response), ...describe?.(response.headers), ...expected };
    const { bytes: total } = stated;
    if (total !== undefined && total >= shownFrom) {
      shown ??= progress({ total, start: part.bytes, unit: "byte", label: name, terminalOnly: true });
    }
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      alive();
      if (total !== undefined && part.bytes + chunk.byteLength > total) {
        await part.restart();
        throw new FinalError(`more than the ${total} bytes of the file came`);
      }
      await part.write(chunk);
      shown?.update(part.bytes);
    }
    if (total !== undefined && part.bytes < total) {
      throw new Error(`the connection broke after ${part.bytes} of ${total} bytes`);
    }
  };
  try {
    await persist(url, retries, request, (error) => signal?.aborted === true || isOfDisk(error));
  } finally {
    shown?.finish();
  }
  return stated;
}

/** The size of the whole file that a response states. */
function sizeIn({ status, headers }: Response): Expected {
  const [, total] = /\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  const bytes = status === 206 ? total : headers.get("content-length");
  return bytes === undefined || bytes === null ? {} : { bytes: Number(bytes) };
}

function brokenOff(bytes: number, error: unknown): DownloadError {
  const { message, statusCode } = error as Error & { readonly statusCode?: number };
  const kept = bytes === 0 ? "" : `; ${formatBytes(bytes)} are kept; try again to get the rest`;
  return new DownloadError(`${message}${kept}`, bytes, statusCode, { cause: error });
}

const isOfDisk = (error: unknown): boolean => (error as NodeJS.ErrnoException).syscall !== undefined;
