/**
 * Downloads published weights into the cache: models of the Hugging Face hub, and AugReg checkpoints from their public
 * bucket.
 *
 * A complete copy in the cache is used without any request, so that it works offline and stays the same; `refresh`
 * checks for updates. An interrupted download is resumed by the next one. The tests run a local server that answers as hub and bucket are documented to (`endpoint`); no
 * test contacts the real ones.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ListFileEntry } from "@huggingface/hub";
import {
  type CacheRecord,
  cacheFolder,
  DownloadError,
  type Expected,
  findDamage,
  readRecord,
  writeRecord,
} from "../files/cache.js";
import { download } from "../files/download/download.js";
import { fillFolder } from "../files/download/staging.js";
import { importOptional } from "../files/optional.js";
import { WeightsError } from "../formats/error.js";
import { formatBytes } from "../text/format.js";
import type { Json } from "./descriptions/json.js";
import { describeFolder, readJson } from "./descriptions/metadata.js";
import { noOnnx, type OnnxDType, onnxFiles, onnxIn, onnxName } from "./hub-onnx.js";
import { augRegFile } from "./published-augreg.js";
import { insideFolder, shardNames } from "./tensor-files.js";

/** Options of downloads. */
export interface HubOptions {
  /** The cache folder; default: `FOVEA_CACHE`, otherwise the user's (see `cacheFolder`). */
  readonly cache?: string;
  /** The address of a mirror to use instead of the hub or the bucket. Default for the hub: the environment variable HF_ENDPOINT. */
  readonly endpoint?: string;
  /** Access token for models that are not public. Default: the environment variable HF_TOKEN. */
  readonly accessToken?: string;
  /** Never use the network. */
  readonly offline?: boolean;
  /** Check for a newer version, and download it. */
  readonly refresh?: boolean;
  /** Called with messages about downloads and their addresses. */
  readonly note?: (text: string) => void;
}

/** A model of the hub. */
export interface HubName {
  /** `owner/name`. */
  readonly repository: string;
  /** A branch, tag or commit; default: `main`. */
  readonly revision: string;
}

const part = "[A-Za-z0-9][A-Za-z0-9._-]{0,95}";
const hubName = new RegExp(`^hf:(${part}/${part})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{0,95}))?$`);

/** Parses `hf:owner/name` or `hf:owner/name@revision`; undefined for anything else: without `hf:` a name is a path. */
export function parseHubName(name: string): HubName | undefined {
  const match = hubName.exec(name);
  if (!match || match[1]!.includes("..") || match[2]?.includes("..")) return undefined;
  return { repository: match[1]!, revision: match[2] ?? "main" };
}

/** The reason of a network error, which fetch wraps. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? inner ?? message;
}

/** The record of a complete folder; undefined if it is incomplete. Damage is reported. */
async function wholeFolder(folder: string, note: (text: string) => void): Promise<CacheRecord | undefined> {
  const record = await readRecord(folder);
  if (!record) return undefined;
  const damage = await findDamage(folder, record);
  if (damage === undefined) return record;
  note(`the cache is damaged: ${damage}; fetching it again`);
  return undefined;
}

function requireNetwork(what: string, { offline }: HubOptions): void {
  if (!offline) return;
  throw new WeightsError(
    `${what} is not in the cache (${cacheFolder()}), and nothing is fetched offline; fetch it once with the network, or set FOVEA_CACHE to a cache that has it`,
  );
}

/** Escapes a part of a name for use as a folder name. */
const folderName = (name: string) => name.replace(/[^A-Za-z0-9._-]/g, "--");

/** Chooses the files to download by the names that a model of the hub has, and its config.json. Throws WeightsError. */
type Choice = (repository: string, names: readonly string[], config: Json | undefined) => readonly string[];

/**
 * The cache folder with a model's weights and descriptions, which are downloaded if necessary. Throws WeightsError when
 * there is no such model, it has no safetensors or .npz file, or it is not in the cache and the hub cannot be reached.
 */
export async function fetchHubModel(name: HubName, options: HubOptions = {}): Promise<string> {
  return await fetchChosen(name, "", weightFiles, options);
}

/**
 * The path in the cache of a model's ONNX file, with its descriptions in the folder above, downloaded if necessary. `dtype` is a key of
 * `onnxSuffixes`. Throws WeightsError as `fetchHubModel` does, and for a model without such a file.
 */
export async function fetchHubOnnx(name: HubName, dtype: OnnxDType, options: HubOptions = {}): Promise<string> {
  const choose: Choice = (repository, names) => onnxFiles(repository, names, dtype);
  return onnxIn(await fetchChosen(name, `--onnx-${dtype}`, choose, options)) ?? noOnnx(name.repository, []);
}

/**
 * The path of the ONNX file of a model whose weights are in no layout that can be read, downloaded if necessary; undefined for a model with such weights, which
 * are then in the cache. Throws WeightsError as `fetchHubModel` does.
 */
export async function fetchHubOnnxIfNeeded(name: HubName, options: HubOptions = {}): Promise<string | undefined> {
  const record = await readRecord(cachedFolder(name, "", options));
  // weights in the cache are verified where they are read, not here too
  const hasWeights = record && !options.refresh && !Object.keys(record.files).some((file) => onnxName.test(file));
  return hasWeights ? undefined : onnxIn(await fetchChosen(name, "", weightsOrOnnx(options), options));
}

/** Weights where their description is that of a network that can be read, otherwise the ONNX file. */
const weightsOrOnnx =
  ({ note = () => {} }: HubOptions): Choice =>
  (repository, names, config) => {
    try {
      if (config) describeFolder(config, undefined);
      return weightFiles(repository, names);
    } catch (error) {
      const files = names.some((file) => onnxName.test(file)) ? onnxFiles(repository, names, "fp32") : undefined;
      if (!files || !(error instanceof WeightsError)) throw error;
      note(`using the ONNX file of hf:${repository}: ${error.message}`);
      return files;
    }
  };

const cachedFolder = (
  { repository, revision }: HubName,
  variant: string,
  { cache = cacheFolder() }: HubOptions,
): string => join(cache, "hub", folderName(repository), `${folderName(revision)}${variant}`);

async function fetchChosen(name: HubName, variant: string, choose: Choice, options: HubOptions): Promise<string> {
  const { note = () => {} } = options;
  const folder = cachedFolder(name, variant, options);
  const record = await wholeFolder(folder, note);
  if (record && (!options.refresh || options.offline)) return folder;
  const what = `hf:${name.repository}${name.revision === "main" ? "" : `@${name.revision}`}`;
  requireNetwork(what, options);
  try {
    await fetchModel(name, folder, record, choose, options);
    return folder;
  } catch (error) {
    throw hubError(what, error);
  }
}

function hubError(what: string, error: unknown): unknown {
  if (error instanceof WeightsError) return error;
  const { statusCode, message } = error as Error & { readonly statusCode?: number };
  if (statusCode === 401 || statusCode === 403 || statusCode === 404) {
    const text = `${what}: the hub has no such model, or you have no access to it (${statusCode}); check the name; a model that is not public, or whose terms must be accepted on its page, needs an access token in HF_TOKEN`;
    return new WeightsError(text, { cause: error });
  }
  if (statusCode !== undefined)
    return new WeightsError(`${what}: the hub answered ${statusCode}; try again`, { cause: error });
  if (error instanceof DownloadError) return new WeightsError(message, { cause: error });
  if ((error as NodeJS.ErrnoException).code === undefined && error instanceof TypeError) {
    return new WeightsError(
      `${what} is not in the cache (${cacheFolder()}) and the hub cannot be reached: ${reasonOf(error)}; fetch it once with the network; afterwards it works offline`,
      { cause: error },
    );
  }
  return error;
}

/** Description files that are downloaded too if they exist. */
const descriptions = ["config.json", "preprocessor_config.json"];

/** The place of a file of the hub in a folder: in the folder itself, or in its folder `onnx`. */
async function placeOf(folder: string, path: string): Promise<string> {
  const [, sub, name = path] = /^(onnx)\/(.*)$/.exec(path) ?? [];
  const inside = sub === undefined ? folder : join(folder, sub);
  await mkdir(inside, { recursive: true });
  return insideFolder(inside, name);
}

async function fetchModel(
  { repository, revision }: HubName,
  folder: string,
  known: CacheRecord | undefined,
  choose: Choice,
  options: HubOptions,
): Promise<void> {
  const { note = () => {} } = options;
  const access = {
    hubUrl: (options.endpoint ?? process.env["HF_ENDPOINT"])?.replace(/\/$/, ""),
    accessToken: options.accessToken ?? process.env["HF_TOKEN"],
  };
  // loaded on demand: it takes longer to load than most commands take to run
  const { fileDownloadInfo, listFiles, modelInfo } = await importOptional(
    "@huggingface/hub",
    "fetching from the hub",
    () => import("@huggingface/hub"),
  );
  const { sha } = await modelInfo({ name: repository, revision, additionalFields: ["sha"], ...access });
  if (known?.revision === sha) return;
  const listed = new Map<string, ListFileEntry>();
  for await (const entry of listFiles({ repo: repository, revision: sha, ...access })) {
    if (entry.type === "file") listed.set(entry.path, entry);
  }
  const files: Record<string, { bytes: number; sha256: string }> = {};
  const sizeOf = (path: string) => listed.get(path)?.lfs?.size ?? listed.get(path)?.size ?? 0;
  const fetchOne = async (path: string, staging: string) => {
    const entry = listed.get(path);
    if (!entry) throw new WeightsError(`hf:${repository} has no ${path}, which its index lists`);
    note(`fetching ${repository}/${path} (${formatBytes(sizeOf(path))})`);
    const found = await fileDownloadInfo({ repo: repository, path, revision: sha, ...access });
    if (!found) throw new WeightsError(`hf:${repository} lists ${path} but does not return it`);
    files[path] = await download(found.url, await placeOf(staging, path), {
      expected: { bytes: sizeOf(path), sha256: entry.lfs?.oid, gitSha1: entry.lfs ? undefined : entry.oid },
      headers: access.accessToken === undefined ? {} : { authorization: `Bearer ${access.accessToken}` },
    });
  };
  const fetchAll = async (staging: string) => {
    for (const path of descriptions) if (listed.has(path)) await fetchOne(path, staging);
    const chosen = choose(repository, [...listed.keys()], await readJson(join(staging, "config.json")));
    const total = chosen.reduce((sum, path) => sum + sizeOf(path), 0);
    note(`hf:${repository}: ${formatBytes(total)} to download once, kept in ${folder}`);
    for (const path of chosen) {
      await fetchOne(path, staging);
      if (!path.endsWith(".json")) continue;
      for (const shard of await shardNames(staging, path)) await fetchOne(shard, staging);
    }
    await writeRecord(staging, { source: `hf:${repository}`, revision: sha, files });
  };
  await fillFolder(folder, async () => (await wholeFolder(folder, note)) !== undefined, fetchAll, note);
}

/** The files with a model's weights, or their index. Throws WeightsError. */
function weightFiles(repository: string, names: readonly string[]): readonly string[] {
  for (const name of ["model.safetensors", "model.safetensors.index.json"]) if (names.includes(name)) return [name];
  const arrays = names.filter((name) => /^[^/]+\.(npz|safetensors)$/.test(name));
  if (arrays.length === 1) return arrays;
  const what =
    arrays.length === 0
      ? "neither model.safetensors nor an .npz file"
      : `${arrays.length} files of weights (${arrays.join(", ")})`;
  throw new WeightsError(`hf:${repository} has ${what}; fetch the file you mean and give its path`);
}

/** The public address of the AugReg checkpoints (papers.md 1.10). */
export const augRegAddress = "https://storage.googleapis.com/vit_models/augreg";

/**
 * The path in the cache of an AugReg checkpoint (see `augRegFile` for names), which is downloaded if necessary. Throws
 * WeightsError when there is no such checkpoint, or it is not in the cache and the bucket cannot be reached.
 */
export async function fetchAugReg(name: string, options: HubOptions = {}): Promise<string> {
  const { note = () => {} } = options;
  const file = `${augRegFile(name)}.npz`;
  const folder = join(options.cache ?? cacheFolder(), "augreg", file);
  const path = join(folder, file);
  if ((await wholeFolder(folder, note)) && (!options.refresh || options.offline)) return path;
  const what = `augreg:${name}`;
  requireNetwork(what, options);
  const address = `${(options.endpoint ?? augRegAddress).replace(/\/$/, "")}/${file}`;
  note(`fetching ${file}`);
  try {
    const isDone = async () => (await wholeFolder(folder, note)) !== undefined;
    await fillFolder(folder, isDone, (staging) => fetchCheckpoint(address, file, staging), note);
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    const { statusCode, bytes, message } = error;
    const reason =
      statusCode !== undefined
        ? `${what}: ${address} answered ${statusCode}; is there a checkpoint of that name?`
        : bytes > 0 || !/cannot be read/.test(message)
          ? `${what}: ${message}`
          : `${what} is not in the cache (${cacheFolder()}) and cannot be reached: ${message}; fetch it once with the network; afterwards it works offline`;
    throw new WeightsError(reason, { cause: error });
  }
  return path;
}

async function fetchCheckpoint(address: string, file: string, staging: string): Promise<void> {
  const describe = (headers: Headers): Expected => {
    const md5 = /(?:^|[, ])md5=([A-Za-z0-9+/=]+)/.exec(headers.get("x-goog-hash") ?? "")?.[1];
    return { md5: md5 === undefined ? undefined : Buffer.from(md5, "base64").toString("hex") };
  };
  const fetched = await download(address, join(staging, file), { describe });
  await writeRecord(staging, { source: address, files: { [file]: fetched } });
}
