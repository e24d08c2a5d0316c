/** The part of a file that has been downloaded: on disk, and in its checksums. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder, writeFileAtomically } from "../atomic.js";
import type { CachedFile, Expected } from "../cache.js";
import { closeOnError } from "../closable.js";
import { tagOf } from "../remote.js";

/** What is known of the file, stored beside the part. */
interface State {
  /** Identifies the contents: a checksum, or the address if none is known. */
  readonly contents: string;
  /** The ETag or modification time that the server stated; "" if none. */
  readonly tag: string;
}

async function readState(path: string): Promise<State | undefined> {
  try {
    const { contents, tag } = JSON.parse(await readFile(path, "utf8")) as Partial<State>;
    return typeof contents === "string" && typeof tag === "string" ? { contents, tag } : undefined;
  } catch {
    return undefined;
  }
}

interface Hashes {
  readonly sha256: Hash;
  readonly md5: Hash;
  readonly gitSha1: Hash;
}

/** The bytes of `PATH` that came so far, in `PATH.part`. One process at a time may have it open. */
export class Part {
  /** Number of bytes that came. */
  bytes = 0;
  private hashes: Hashes;
  private kept = false;

  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly expected: Expected,
    private state: State,
  ) {
    this.hashes = this.newHashes();
  }

  /** Opens the part of a path, with the bytes that an earlier process left if their contents are the expected ones. */
  static async open(path: string, expected: Expected, url: string): Promise<Part> {
    const { sha256, md5, gitSha1 } = expected;
    const contents = sha256 ?? gitSha1 ?? md5 ?? url;
    // a complete file, of a download of several files that was interrupted
    await rename(path, `${path}.part`).catch(() => undefined);
    const known = await readState(`${path}.part.json`);
    const state = known?.contents === contents ? known : { contents, tag: "" };
    if (state !== known) await rm(`${path}.part`, { force: true });
    const handle = await open(`${path}.part`, "a");
    return await closeOnError(handle, async () => {
      const part = new Part(path, handle, expected, state);
      for await (const chunk of createReadStream(`${path}.part`)) part.count(chunk as Uint8Array);
      if (expected.bytes !== undefined && part.bytes > expected.bytes) await part.restart();
      await part.writeState();
      return part;
    });
  }

  /** Headers of a request for the rest, if the file has not changed; none for a file of which nothing came. */
  rangeHeaders(): Readonly<Record<string, string>> {
    if (this.bytes === 0) return {};
    const { tag } = this.state;
    const range = `bytes=${this.bytes}-`;
    // a weak ETag may not be used for ranges (RFC 9110, 13.1.5)
    return tag === "" || tag.startsWith("W/") ? { range } : { range, "if-range": tag };
  }

  /**
   * Prepares for the bytes of a response: the rest, or the whole file from the start. Throws an Error if they are another part, or one of a changed
   * file; the next request is then for the whole file.
   */
  async accept(response: Response): Promise<void> {
    const tag = tagOf(response);
    const before = this.state.tag;
    if (response.status === 206 && this.bytes > 0) {
      const [, first] = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "") ?? [];
      if (Number(first) === this.bytes && (before === "" || before === tag)) return;
      await this.restart();
      throw new Error("the file changed on the server");
    }
    await this.restart();
    this.state = { ...this.state, tag };
    await this.writeState();
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.handle.appendFile(chunk);
    this.count(chunk);
  }

  /** Discards what came. */
  async restart(): Promise<void> {
    if (this.bytes > 0) await this.handle.truncate(0);
    this.hashes = this.newHashes();
    this.bytes = 0;
  }

  /** Size and checksum of what came. */
  file(): CachedFile {
    return { bytes: this.bytes, sha256: this.hashes.sha256.copy().digest("hex") };
  }

  /** Whether the bytes that came are the expected ones. */
  matches(expected: Expected): boolean {
    const checks = (["sha256", "md5", "gitSha1"] as const).map(
      (kind) => expected[kind] === undefined || expected[kind] === this.hashes[kind].copy().digest("hex"),
    );
    return (expected.bytes === undefined || expected.bytes === this.bytes) && checks.every(Boolean);
  }

  /** Gives the complete file its name. */
  async finish(): Promise<void> {
    await this.handle.sync();
    await rename(`${this.path}.part`, this.path);
    await syncFolder(dirname(this.path));
    this.kept = true;
  }

  private count(chunk: Uint8Array): void {
    for (const hash of Object.values(this.hashes) as Hash[]) hash.update(chunk);
    this.bytes += chunk.byteLength;
  }

  private newHashes(): Hashes {
    const gitSha1 = createHash("sha1").update(`blob ${this.expected.bytes ?? 0}\0`);
    return { sha256: createHash("sha256"), md5: createHash("md5"), gitSha1 };
  }

  private async writeState(): Promise<void> {
    await writeFileAtomically(`${this.path}.part.json`, [new TextEncoder().encode(JSON.stringify(this.state))]);
  }

  /** Closes the file. A part without bytes is removed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.handle.close();
    if (this.bytes > 0 || this.kept) return;
    for (const file of [`${this.path}.part`, `${this.path}.part.json`]) await rm(file, { force: true });
  }
}
