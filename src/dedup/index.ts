/** Finds near-duplicates within and between datasets. */

export {
  type Alignment,
  align,
  coarseAlignment,
  type Placement,
} from "./compare/align.js";
export {
  leastCoarse,
  nearDuplicateScore,
  type Picture as ComparedPicture,
  scoreOf,
  similarity,
} from "./compare/similarity.js";
export { prepareThumbnail, type Thumbnail } from "./compare/thumbnail.js";
export { type Deduplication, type DedupOptions, dedup } from "./dedup.js";
export { type BrokenImage, type DescribedSet, type DescribeSetOptions, describeSet } from "./describe/describe-set.js";
export { type Descriptor, describeImage, describePixels } from "./describe/descriptor.js";
export { type Hash, type Hashes, hammingDistance, hashOf, rotatedHash, thumbnailSide } from "./describe/hash.js";
export { inverseTurn, type Turn, turns } from "./describe/turns.js";
export { type Duplicates, type FindOptions, findDefaults, findDuplicates, type Match, type MatchKind } from "./find.js";
export { duplicatesPage, type PageOptions } from "./page.js";
export { type FeatureRows, rowsInFile, rowsInMemory } from "./search/feature-rows.js";
export { type HammingOptions, hammingJoin, hammingSelfJoin } from "./search/hamming.js";
export { type Nearest, type NeighbourOptions, nearestRows, nearPairs } from "./search/neighbours.js";
export { thumbnailFeatures, type View, views } from "./search/thumbnail-features.js";
export { type DuplicateGroup, type Member, type SetRole, type Summary, summarise } from "./summary.js";
