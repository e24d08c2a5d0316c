/**
 * Binds ONNX Runtime's C interface: a table of function pointers whose order is fixed, since later versions only append to it
 * (onnxruntime_c_api.h, struct OrtApi).
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { binaries } from "fovea-onnxruntime/location";
import { loadKoffi } from "../../files/koffi.js";

/** API version of the table; later runtimes support it too. */
const tableVersion = 17;
/** Indices of the functions in the table. */
const places = {
  GetErrorMessage: 2,
  CreateEnv: 3,
  CreateSession: 7,
  CreateSessionFromArray: 8,
  Run: 9,
  CreateSessionOptions: 10,
  EnableProfiling: 14,
  DisableMemPattern: 17,
  SetSessionLogSeverityLevel: 22,
  SetSessionGraphOptimizationLevel: 23,
  SetIntraOpNumThreads: 24,
  CreateTensorWithDataAsOrtValue: 49,
  CreateCpuMemoryInfo: 69,
  ReleaseStatus: 93,
  ReleaseSession: 95,
  ReleaseValue: 96,
  ReleaseSessionOptions: 100,
  AddSessionConfigEntry: 130,
} as const;
const tableLength = 131;

type RuntimeInterface = NonNullable<Awaited<ReturnType<typeof loadInterface>>>;

export type { RuntimeInterface };

/** Loads the interface from ONNX Runtime's library; undefined if the library or the version is not available. */
export async function loadInterface() {
  const file = join(binaries, "libonnxruntime.so.1");
  if (!existsSync(file)) return undefined;
  const koffi = await loadKoffi();
  const library = koffi.load(file);
  const base = library.func("void *OrtGetApiBase()")() as bigint;
  const [getApi] = koffi.decode(base, koffi.array("void *", 2)) as bigint[];
  const table = koffi.decode(getApi!, koffi.proto("void *(uint32_t version)"))(tableVersion) as bigint | null;
  if (!table) return undefined;
  const pointers = koffi.decode(table, koffi.array("void *", tableLength)) as bigint[];
  const at = (name: keyof typeof places, prototype: string) =>
    koffi.decode(pointers[places[name]]!, koffi.proto(prototype)) as (...values: unknown[]) => bigint | string | null;

  const messageOf = at("GetErrorMessage", "const char *(const void *status)");
  const releaseStatus = at("ReleaseStatus", "void (void *status)");
  // Binds a function that returns a status; it throws the runtime's message on failure.
  const checked = (name: keyof typeof places, parameters: string) => {
    const call = at(name, `void *(${parameters})`);
    return (...values: unknown[]): void => {
      const status = call(...values);
      if (!status) return;
      const message = messageOf(status) as string;
      releaseStatus(status);
      throw new Error(message);
    };
  };
  // Binds such a function whose last parameter receives a handle, which is returned.
  const made = (name: keyof typeof places, parameters: string) => {
    const call = checked(name, `${parameters}, void *out`);
    return (...values: unknown[]): bigint => {
      const out = new BigUint64Array(1);
      call(...values, out);
      return out[0]!;
    };
  };
  return {
    /** Address of an array's bytes. */
    address: (data: Uint8Array): bigint => koffi.address(data),
    createEnvironment: made("CreateEnv", "int level, const char *name"),
    createOptions: checked("CreateSessionOptions", "void *out"),
    setThreads: checked("SetIntraOpNumThreads", "void *options, int threads"),
    setOptimizations: checked("SetSessionGraphOptimizationLevel", "void *options, int level"),
    setSeverity: checked("SetSessionLogSeverityLevel", "void *options, int level"),
    disableMemoryPattern: checked("DisableMemPattern", "void *options"),
    enableProfiling: checked("EnableProfiling", "void *options, const char *prefix"),
    addSetting: checked("AddSessionConfigEntry", "void *options, const char *key, const char *value"),
    createFromArray: made("CreateSessionFromArray", "void *env, const void *bytes, size_t length, void *options"),
    createFromFile: made("CreateSession", "void *env, const char *path, void *options"),
    createMemoryInfo: made("CreateCpuMemoryInfo", "int allocator, int kind"),
    createTensor: made(
      "CreateTensorWithDataAsOrtValue",
      "void *info, void *data, size_t bytes, const int64_t *shape, size_t axes, int type",
    ),
    run: checked(
      "Run",
      "void *session, void *options, const void *inputNames, const void *inputs, size_t inputCount, const void *outputNames, size_t outputCount, void *outputs",
    ),
    releaseOptions: at("ReleaseSessionOptions", "void (void *options)"),
    releaseSession: at("ReleaseSession", "void (void *session)"),
    releaseValue: at("ReleaseValue", "void (void *value)"),
  };
}
