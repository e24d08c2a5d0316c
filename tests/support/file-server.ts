/** A server of files for tests, on 127.0.0.1, that fails as it is told to. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll } from "vitest";

/** How a test's server treats a file; by default it serves it, ranges too. */
export interface Behaviour {
  /** Answers that are not the file, in turn, before it is served: a status, "hang", or "cut" (half of it, then the end). */
  readonly first?: (number | "hang" | "cut")[];
  readonly noRanges?: boolean;
  readonly tag?: string;
}

/** A server of files on 127.0.0.1 that counts its requests and fails as told; closed after the tests. */
export async function serve(files: Map<string, { content: Uint8Array } & Behaviour>): Promise<{
  url: string;
  requests: { path: string; range: string | undefined }[];
}> {
  const requests: { path: string; range: string | undefined }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url!.slice(1);
    const { range } = request.headers;
    requests.push({ path, range });
    const file = files.get(path);
    if (!file) return void response.writeHead(404).end();
    const { content, noRanges, tag = `"${content.length}"` } = file;
    const trouble = file.first?.shift();
    if (trouble === "hang") return;
    if (typeof trouble === "number") return void response.writeHead(trouble).end();
    const match = noRanges ? null : /^bytes=(\d+)-(\d*)$/.exec(range ?? "");
    const [start, end] = match
      ? [Number(match[1]), Math.min(content.length - 1, match[2] === "" ? Infinity : Number(match[2]))]
      : [0, content.length - 1];
    const part = content.subarray(start, end + 1);
    response.writeHead(match ? 206 : 200, {
      etag: tag,
      "content-length": part.length,
      ...(match && { "content-range": `bytes ${start}-${end}/${content.length}` }),
    });
    if (trouble !== "cut") return void response.end(part);
    response.write(part.subarray(0, part.length / 2), () => response.destroy());
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
