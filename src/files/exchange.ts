/** Exchanges two folders in one system call, so that a reader of either name always finds a complete folder. */
import { loadKoffi } from "./koffi.js";

/** Error codes if the system or the file system does not support the call (errno.h of Linux and macOS). */
const unsupported: readonly string[] = ["ENOSYS", "EINVAL", "ENOTSUP", "EOPNOTSUPP", "EPERM"];

interface SystemCall {
  /** Returns 0 on success. */
  readonly call: (first: string, second: string) => number;
  /** Returns the name of the last error. */
  readonly failure: () => string;
}

/** The system call, prepared once; undefined if it does not exist or koffi has no binary for this platform. */
let prepared: Promise<SystemCall | undefined> | undefined;

async function prepare(): Promise<SystemCall | undefined> {
  if (process.platform !== "linux" && process.platform !== "darwin") return undefined;
  try {
    const koffi = await loadKoffi();
    const library = koffi.load(null);
    const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
    const failure = (): string => names.get(koffi.errno()) ?? `error ${koffi.errno()}`;
    if (process.platform === "darwin") {
      // renamex_np(2): RENAME_SWAP
      const rename = library.func("int renamex_np(const char *from, const char *to, uint32_t flags)");
      return { call: (first, second) => rename(first, second, 2) as number, failure };
    }
    // renameat2(2), glibc 2.28: AT_FDCWD, RENAME_EXCHANGE
    const rename = library.func(
      "int renameat2(int fromFolder, const char *from, int toFolder, const char *to, uint32_t flags)",
    );
    return { call: (first, second) => rename(-100, first, -100, second, 2) as number, failure };
  } catch {
    return undefined;
  }
}

/**
 * Exchanges two paths of the same file system in one step. Returns false, with nothing changed, if the system or the file system does not
 * support it (Windows, some network file systems).
 *
 * @throws the system's error, such as a missing path.
 */
export async function exchange(first: string, second: string): Promise<boolean> {
  prepared ??= prepare();
  const system = await prepared;
  if (!system) return false;
  if (system.call(first, second) === 0) return true;
  const code = system.failure();
  if (unsupported.includes(code)) return false;
  throw Object.assign(new Error(`${code}: cannot exchange "${first}" and "${second}"`), { code });
}
