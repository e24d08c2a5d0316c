/** Wraps MPI's C functions: finds the library, keeps it loaded, and turns error codes into exceptions. */
import { type Koffi, koffiPackage, type LibraryHandle, loadKoffi } from "../../files/koffi.js";
import { importOptional } from "../../files/optional.js";
import { type Abi, abiOf, abis, type Handles } from "./abi.js";
import { DistributedError } from "./communicator.js";
import { type Launch, libraryVariable } from "./launcher.js";

/** MPI over all ranks of the job. Every function blocks, and all are called from one thread. */
export interface MpiLibrary {
  /** File and version, for display. */
  readonly description: string;
  readonly rank: number;
  readonly size: number;
  /** Sums the ranks' numbers in place. */
  sum(values: Float32Array | Float64Array): void;
  /** Fills the bytes of every rank with those of `root`. */
  broadcast(bytes: Uint8Array, root: number): void;
  /** Fills `all` with the bytes of every rank, in order. */
  gather(own: Uint8Array, all: Uint8Array): void;
  barrier(): void;
  finalize(): void;
  /** Ends every process of the job. */
  abort(): void;
}

// Flags of dlopen on Linux and macOS, which differ.
const now = 2;
const [global, noDelete] = process.platform === "darwin" ? [0x8, 0x80] : [0x100, 0x1000];
// MPI counts elements as C ints: longer arrays are sent in pieces of this many numbers.
const longest = 2 ** 28;
// At least any implementation's MPI_MAX_ERROR_STRING and MPI_MAX_LIBRARY_VERSION_STRING.
const longestText = 8192;

/**
 * Loads the library, starts MPI and returns its functions. `named` is a file to use instead of searching for one.
 * Throws an Error if koffi is not installed, and DistributedError that lists what was tried; both say what to install.
 */
export async function openMpiLibrary(
  launch: Launch,
  named = process.env[libraryVariable],
  known: readonly Abi[] = abis,
): Promise<MpiLibrary> {
  const koffi = await importOptional(koffiPackage, "training with several ranks", loadKoffi);
  const { file, library, abi } = find(koffi, launch, named, known);
  return start(file, library, abi);
}

interface Found {
  readonly file: string;
  readonly library: LibraryHandle;
  readonly abi: Abi;
}

function find(koffi: Koffi, launch: Launch, named: string | undefined, known: readonly Abi[]): Found {
  if (named !== undefined && named !== "") {
    const library = load(koffi, named);
    if (typeof library === "string")
      throw new DistributedError(`${libraryVariable}=${named} cannot be loaded: ${library}`);
    return { file: named, library, abi: abiOf(named, (symbol) => hasSymbol(library, symbol)) };
  }
  // The launcher's own family first: with another library every rank would be alone.
  const order = [...known].sort((a, b) => Number(b.name === launch.family) - Number(a.name === launch.family));
  const tried: string[] = [];
  for (const abi of order) {
    for (const file of abi.files) {
      const library = load(koffi, file);
      if (typeof library !== "string") return { file, library, abi };
      tried.push(file);
    }
  }
  throw new DistributedError(
    `started as rank ${launch.rank} of ${launch.size} by ${launch.launcher}, but no MPI library was found (tried ${tried.join(", ")}); install one on every machine (Debian's package mpich, or libopenmpi3 with openmpi-bin), or set ${libraryVariable} to its file`,
  );
}

/**
 * The library, or why it cannot be loaded. It is never unloaded: Open MPI crashes at exit when it is unloaded while its
 * threads run.
 */
function load(koffi: Koffi, file: string): LibraryHandle | string {
  try {
    const library = koffi.load(file, { global: true });
    koffi.load(null).func("void *dlopen(const char *file, int flags)")(file, now | global | noDelete);
    return library;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function hasSymbol(library: LibraryHandle, name: string): boolean {
  try {
    return library.symbol(name) !== null;
  } catch {
    return false;
  }
}

function start(file: string, library: LibraryHandle, abi: Abi): MpiLibrary {
  const handle = (name: keyof Handles): unknown => {
    const value = abi.handles[name];
    return typeof value === "string" ? library.symbol(value) : value;
  };
  const errorString = library.func("int MPI_Error_string(int code, void *text, _Out_ int *length)");
  const errorText = (code: number): string => {
    const text = Buffer.alloc(longestText);
    const length = [0];
    return errorString(code, text, length) === 0 ? text.toString("utf8", 0, length[0]) : `error ${code}`;
  };
  // Declares an MPI function by its name and C parameters, where H stands for a handle.
  const bind = (name: string, parameters: string) => {
    const call = library.func(`int ${name}(${parameters.replaceAll(/\bH\b/g, abi.handleType)})`);
    return (...values: unknown[]): void => {
      const code = call(...values) as number;
      if (code !== 0) throw new DistributedError(`${name}: ${errorText(code)}`);
    };
  };
  const version = Buffer.alloc(longestText);
  const length = [0];
  bind("MPI_Get_library_version", "void *text, _Out_ int *length")(version, length);
  bind("MPI_Init", "void *count, void *words")(null, null);
  const [world, float, double, byte, sum] = (["world", "float", "double", "byte", "sum"] as const).map(handle);
  // Errors are returned as codes, so that they become exceptions with this rank's name in them.
  bind("MPI_Comm_set_errhandler", "H comm, H handler")(world, handle("errorsReturn"));
  const ofWorld = (name: string): number => {
    const out = [0];
    bind(name, "H comm, _Out_ int *out")(world, out);
    return out[0]!;
  };
  const allReduce = bind("MPI_Allreduce", "intptr_t sent, void *received, int count, H type, H op, H comm");
  const bcast = bind("MPI_Bcast", "void *bytes, int count, H type, int root, H comm");
  const allGather = bind(
    "MPI_Allgather",
    "void *sent, int count, H type, void *received, int each, H receivedType, H comm",
  );
  const barrier = bind("MPI_Barrier", "H comm");
  const abort = bind("MPI_Abort", "H comm, int code");
  return {
    description: `${file}, ${firstLine(version.toString("utf8", 0, length[0]))}`,
    rank: ofWorld("MPI_Comm_rank"),
    size: ofWorld("MPI_Comm_size"),
    sum: (values) => {
      const type = values instanceof Float64Array ? double : float;
      for (const piece of pieces(values)) allReduce(abi.inPlace, piece, piece.length, type, sum, world);
    },
    broadcast: (bytes, root) => {
      for (const piece of pieces(bytes)) bcast(piece, piece.length, byte, root, world);
    },
    gather: (own, all) => allGather(own, own.length, byte, all, own.length, byte, world),
    barrier: () => barrier(world),
    finalize: bind("MPI_Finalize", "void"),
    abort: () => abort(world, 1),
  };
}

/** The array as views of at most `longest` numbers. */
function* pieces<T extends Float32Array | Float64Array | Uint8Array>(values: T): Generator<T> {
  for (let at = 0; at < values.length; at += longest) yield values.subarray(at, at + longest) as T;
}

/** Shortens "MPICH Version:  4.0.2" and further lines to one short line. */
const firstLine = (text: string): string =>
  text
    .replaceAll("\0", "")
    .split(/[\n,]/)[0]!
    .replace(/( Version:)?\s+/g, " ")
    .trim();
