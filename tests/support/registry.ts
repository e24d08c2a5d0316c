/**
 * A registry of packages on 127.0.0.1 that has tarballs of ours, as if they were published, and passes all else on to the
 * registry that npm is configured with. It is an HTTP proxy too, which refuses every host and records it.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Registry {
  readonly url: string;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/** Old enough for package managers that do not install what was published in the last days. */
const publishedAt = "2020-01-01T00:00:00.000Z";
const tarballFolder = "/-/ours/";

const digest = (algorithm: string, bytes: Uint8Array, encoding: "hex" | "base64") =>
  createHash(algorithm).update(bytes).digest(encoding);

/** What a registry answers for a package with one version. */
function describe(tarball: string, url: string): readonly [name: string, text: string] {
  const read = execFileSync("tar", ["-xzOf", tarball, "package/package.json"], { encoding: "utf8" });
  const manifest = JSON.parse(read) as { readonly name: string; readonly version: string };
  const bytes = readFileSync(tarball);
  const dist = {
    tarball: `${url}${tarballFolder}${basename(tarball)}`,
    shasum: digest("sha1", bytes, "hex"),
    integrity: `sha512-${digest("sha512", bytes, "base64")}`,
  };
  const { name, version } = manifest;
  const text = JSON.stringify({
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { ...manifest, dist } },
    time: { created: publishedAt, modified: publishedAt, [version]: publishedAt },
  });
  return [name, text];
}

/** The registry that npm is configured with, without a slash at the end. */
export const configuredRegistry = (): string =>
  execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8", shell: process.platform === "win32" })
    .trim()
    .replace(/\/$/, "");

/** Starts a registry with these tarballs; `refusedFile` receives the hosts that programs asked its proxy for, one a line. */
export async function startRegistry(tarballs: readonly string[], refusedFile: string): Promise<Registry> {
  const upstream = configuredRegistry();
  const ours = new Map<string, string>();
  const fetched = new Map<string, Promise<Answer>>();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const tarball of tarballs) ours.set(...describe(tarball, url));

  const passOn = async (path: string, accept: string): Promise<Answer> => {
    const response = await fetch(`${upstream}${path}`, { headers: { accept } });
    const type = response.headers.get("content-type") ?? "application/octet-stream";
    const bytes = Buffer.from(await response.arrayBuffer());
    const body = type.includes("json") ? Buffer.from(bytes.toString().replaceAll(`${upstream}/`, `${url}/`)) : bytes;
    return { status: response.status, type, body };
  };

  const answer = async (path: string, accept: string): Promise<Answer> => {
    const packument = ours.get(decodeURIComponent(path.slice(1)));
    if (packument !== undefined) return { status: 200, type: "application/json", body: Buffer.from(packument) };
    const tarball = tarballs.find((one) => path === `${tarballFolder}${basename(one)}`);
    if (tarball !== undefined) return { status: 200, type: "application/octet-stream", body: readFileSync(tarball) };
    // Each package manager asks for the same files.
    const key = `${accept} ${path}`;
    const known = fetched.get(key) ?? passOn(path, accept);
    fetched.set(key, known);
    return await known;
  };

  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { method, url: path = "", headers } = request;
    if (!path.startsWith("/")) {
      appendFileSync(refusedFile, `${new URL(path).host}\n`);
      return void response.writeHead(403).end();
    }
    // Audits and the like, of which the installation does not depend.
    if (method !== "GET") return void response.writeHead(404).end();
    void answer(path, headers.accept ?? "*/*").then(
      ({ status, type, body }) =>
        response.writeHead(status, { "content-type": type, "content-length": body.length }).end(body),
      () => response.writeHead(502).end(),
    );
  });
  server.on("connect", ({ url: host }, socket) => {
    appendFileSync(refusedFile, `${host}\n`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  return {
    url,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Why the registry that npm is configured with cannot be reached; undefined if it can. */
export async function reachRegistry(): Promise<string | undefined> {
  try {
    await fetch(configuredRegistry(), { method: "HEAD", signal: AbortSignal.timeout(20_000) });
    return undefined;
  } catch (error) {
    return String((error as Error).cause ?? error);
  }
}

/**
 * The environment of a user who has set nothing, in which programs reach this machine only: proxies are named that refuse
 * every host, and Node refuses connections. Both write the host into `refusedFile`.
 */
export function refusingEnvironment(url: string, refusedFile: string, home: string): NodeJS.ProcessEnv {
  const settings = /^(npm_|yarn_|pnpm_|onnxruntime|node_|vitest|no_proxy|https?_proxy|all_proxy|ci$)/i;
  const plain = Object.entries(process.env).filter(([name]) => !settings.test(name));
  const preload = fileURLToPath(new URL("refuse-hosts.cjs", import.meta.url));
  return {
    ...Object.fromEntries(plain),
    HOME: home,
    npm_config_cache: join(home, "npm"),
    YARN_CACHE_FOLDER: join(home, "yarn"),
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    NO_PROXY: "127.0.0.1",
    NODE_OPTIONS: `--require ${JSON.stringify(preload)}`,
    FOVEA_REFUSED: refusedFile,
  };
}
