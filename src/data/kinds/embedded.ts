/** Opens the small real datasets of the package (assets/data), with which everything runs without a download. */
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
    // Both src/data/kinds and dist/data/kinds are three folders below the package.
    const folder = fileURLToPath(new URL(`../../../assets/data/${target.path}`, import.meta.url));
    return set.kind.read({ ...target, path: folder });
  },
};
