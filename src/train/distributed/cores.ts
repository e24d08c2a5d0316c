/** Computes how many threads a rank may use without taking cores from other ranks on the same machine. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { threadsEach } from "../../runtime/index.js";
import type { Communicator } from "./communicator.js";

/**
 * The cores this process may run on, divided by the number of ranks that may run on the same ones; at least 1. Every
 * rank must call it.
 */
export async function threadsPerRank(communicator: Communicator): Promise<number> {
  // Launchers may bind each rank to its own cores (Open MPI does): only ranks with the same set share it.
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const cores = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "";
  const place = fingerprint(`${hostname()} ${cores}`);
  const sharing = (await communicator.gather(place)).filter((other) => other === place).length;
  return threadsEach(sharing);
}

/** A whole number below 2^48 derived from a text, by which ranks compare texts that are too long to send. */
export const fingerprint = (text: string): number => createHash("sha256").update(text).digest().readUIntBE(0, 6);
