/** A stand-in for the Hugging Face hub on 127.0.0.1: models with their files, answered as the hub's API is documented to. */
import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest("hex");
const gitName = (bytes: Uint8Array): string =>
  digest("sha1", Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));

export type HubFiles = Readonly<Record<string, Uint8Array>>;

/** What the server has and how it misbehaves. */
export interface Hub {
  /** The files of a model, by its name `owner/name`. */
  readonly filesOf: (model: string) => HubFiles | undefined;
  /** The commit that every revision names. */
  readonly commit?: () => string;
  /** What is sent in place of the bytes of a file. */
  readonly sent?: (bytes: Uint8Array) => Uint8Array;
  /** How many bytes of a file are sent before the connection breaks, in turn; then files are whole. */
  readonly cuts?: number[];
  /** Files are always sent from their start. */
  readonly withoutRanges?: () => boolean;
  /** Answers requests that are not of the hub; returns whether it did. */
  readonly answer?: (path: string, response: ServerResponse) => boolean;
}

export interface RunningHub {
  readonly endpoint: string;
  /** The paths asked for, in order. */
  readonly requests: string[];
  /** Of the requests for more than the first byte of a file, its path and the range asked for. */
  readonly transfers: string[];
  close(): void;
}

/** Serves models. The caller closes it. */
export async function serveHub(hub: Hub): Promise<RunningHub> {
  const { filesOf, commit = () => "b".repeat(40), sent = (bytes) => bytes } = hub;
  const requests: string[] = [];
  const transfers: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "", "http://localhost").pathname);
    requests.push(path);
    if (hub.answer?.(path, response)) return;
    const [, name = "", rest = ""] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
    const files = filesOf(name);
    const json = (value: unknown) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(value));
    };
    if (files && rest.startsWith("revision/")) {
      return json({ _id: "1", id: name, sha: commit(), private: false, lastModified: "2026-01-01T00:00:00Z" });
    }
    if (files && rest === `tree/${commit()}`) {
      return json(
        Object.entries(files).map(([file, bytes]) => ({
          type: "file",
          path: file,
          size: bytes.length,
          oid: gitName(bytes),
          lfs: /\.(safetensors|npz|onnx)$/.test(file)
            ? { oid: digest("sha256", bytes), size: bytes.length, pointerSize: 130 }
            : undefined,
        })),
      );
    }
    const resolved = `resolve/${commit()}/`;
    const bytes = rest.startsWith(resolved) ? files?.[rest.slice(resolved.length)] : undefined;
    if (!bytes) {
      response.statusCode = 404;
      return response.end("Not found");
    }
    const tag = `"${digest("sha256", bytes)}"`;
    response.setHeader("etag", tag);
    const body = sent(bytes);
    const { range, "if-range": ifRange } = request.headers;
    const isProbe = range === "bytes=0-0";
    if (!isProbe) transfers.push(`${rest.slice(resolved.length)} ${range ?? "whole"}`);
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const isPart = first !== undefined && (isProbe || !hub.withoutRanges?.()) && (!ifRange || ifRange === tag);
    if (isPart && Number(first) >= body.length) {
      response.statusCode = 416;
      return response.end();
    }
    const [start, end] = isPart ? [Number(first), last ? Number(last) + 1 : body.length] : [0, body.length];
    const piece = body.subarray(start, end);
    if (isPart) {
      response.statusCode = 206;
      response.setHeader("content-range", `bytes ${start}-${start + piece.length - 1}/${body.length}`);
    }
    response.setHeader("content-length", piece.length);
    const cut = isProbe || rest.endsWith(".json") ? undefined : hub.cuts?.shift();
    if (cut === undefined) return response.end(piece);
    response.write(piece.subarray(0, cut), () => setTimeout(() => response.destroy(), 250));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    transfers,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
