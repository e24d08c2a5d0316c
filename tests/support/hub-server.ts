/** A stand-in for the Hugging Face hub on 127.0.0.1: models with their files, answered as the hub's API is documented to. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const digest = (algorithm: string, bytes: Uint8Array): string => createHash(algorithm).update(bytes).digest("hex");
const gitName = (bytes: Uint8Array): string =>
  digest("sha1", Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));

export type HubFiles = Readonly<Record<string, Uint8Array>>;

const commit = "b".repeat(40);

/** Serves models by their names, `owner/name`. The caller closes it. */
export async function serveHub(
  models: ReadonlyMap<string, HubFiles>,
): Promise<{ readonly endpoint: string; readonly requests: string[]; close(): void }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "", "http://localhost").pathname);
    requests.push(path);
    const [, name = "", rest = ""] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(.*)$/.exec(path) ?? [];
    const files = models.get(name);
    const json = (value: unknown) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(value));
    };
    if (files && rest.startsWith("revision/")) {
      return json({ _id: "1", id: name, sha: commit, private: false, lastModified: "2026-01-01T00:00:00Z" });
    }
    if (files && rest.startsWith("tree/")) {
      return json(
        Object.entries(files).map(([file, bytes]) => ({
          type: "file",
          path: file,
          size: bytes.length,
          oid: gitName(bytes),
          lfs: /\.(safetensors|onnx)$/.test(file)
            ? { oid: digest("sha256", bytes), size: bytes.length, pointerSize: 130 }
            : undefined,
        })),
      );
    }
    const bytes = files?.[rest.replace(/^resolve\/[^/]+\//, "")];
    if (!bytes) {
      response.statusCode = 404;
      return response.end("Not found");
    }
    response.setHeader("etag", `"${digest("sha256", bytes)}"`);
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    if (first === undefined) return response.end(bytes);
    const end = Math.min(last ? Number(last) : bytes.length - 1, bytes.length - 1);
    response.statusCode = 206;
    response.setHeader("content-range", `bytes ${first}-${end}/${bytes.length}`);
    response.end(bytes.subarray(Number(first), end + 1));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
