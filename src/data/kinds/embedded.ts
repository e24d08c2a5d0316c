/** Opens the small embedded datasets, with which everything runs without a download: assets/data of a checkout, otherwise the package fovea-data. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { didYouMean } from "../../text/nearest.js";
import type { SourceKind } from "../source/types.js";
import { idxKind } from "./idx.js";
import { parquetKind } from "./parquet.js";

/** The embedded datasets; assets/data/README.md has their sizes, origins and licences. */
export const embeddedSets: Readonly<Record<string, { readonly summary: string; readonly kind: SourceKind }>> = {
  clothing: { summary: "photos of clothes worn and laid out, 10 classes, 64x64 (CC0-1.0)", kind: parquetKind },
  fashion: { summary: "Fashion-MNIST: clothes from a shop's catalogue, 10 classes, 28x28 grey (MIT)", kind: idxKind },
  "sign-digits": {
    summary: "photos of hands signing the digits 0 to 9, 10 classes, 64x64 (Apache-2.0)",
    kind: parquetKind,
  },
};

export const embeddedKind: SourceKind = {
  summary: `a set that comes with the package: ${Object.keys(embeddedSets).join(", ")}`,
  options: [],
  recognises: () => false,
  read: (target) => {
    const names = Object.keys(embeddedSets);
    const set = Object.hasOwn(embeddedSets, target.path) ? embeddedSets[target.path] : undefined;
    if (!set) {
      throw new Error(
        `unknown embedded dataset "${target.path}"${didYouMean(target.path, names) || ";"} available: ${names.join(", ")}`,
      );
    }
    return set.kind.read({ ...target, path: join(dataFolder(), target.path) });
  },
};

/** The folder of the datasets. Throws if the package fovea-data is not installed. */
function dataFolder(): string {
  // Both src/data/kinds and dist/data/kinds are three folders below the package.
  const inCheckout = fileURLToPath(new URL("../../../assets/data", import.meta.url));
  if (existsSync(inCheckout)) return inCheckout;
  try {
    return dirname(createRequire(import.meta.url).resolve("fovea-data/package.json"));
  } catch (error) {
    throw new Error(
      "the embedded datasets are in the package fovea-data, which is not installed; install the file that `npm run pack` writes in a checkout of Fovea",
      { cause: error },
    );
  }
}
