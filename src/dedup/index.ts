// Near-duplicates within and between sets of images.
export { type Alignment, align, coarseAlignment, type Placement, prepareThumbnail, type Thumbnail } from "./align.js";
export { type BrokenImage, type DescribedSet, type DescribeSetOptions, describeSet } from "./describe-set.js";
export { type Descriptor, describeImage, describePixels } from "./descriptor.js";
export { type FeatureRows, rowsInFile, rowsInMemory } from "./feature-rows.js";
export { type Duplicates, type FindOptions, findDefaults, findDuplicates, type Match, type MatchKind } from "./find.js";
export { type HammingOptions, type Hashes, hammingJoin, hammingSelfJoin } from "./hamming.js";
export { type Hash, hammingDistance, hashOf, thumbnailSide, turnedHash } from "./hash.js";
export { leastCoarse, likeness, nearDuplicateScore, type Picture as ComparedPicture, scoreOf } from "./judge.js";
export { type Nearest, type NeighbourOptions, nearestRows, nearPairs } from "./neighbours.js";
export { duplicatesPage, type PageOptions } from "./page.js";
export { type DuplicateGroup, type Member, type SetRole, type Summary, summarise } from "./summary.js";
export { thumbnailFeatures, type View, views } from "./thumbnail-features.js";
export { inverseTurn, type Turn, turns } from "./turns.js";
