/** Datasets of studies that are planned but not run. */
import type { StudyData } from "../../src/studies/index.js";

export const plannedData: StudyData = {
  upstream: "photos",
  identity: "abc",
  images: 60_000,
  classes: 200,
  heldSplit: "validation",
  downstream: ["embedded:sign-digits"],
};
