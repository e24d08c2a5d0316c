/**
 * Draws the results of the patch-grid study: accuracy over the distance from the object's centre to the nearest patch
 * border.
 */
import { lineChart } from "../../report/index.js";
import type { ObjectMean, PatchGridReport } from "./patch-grid.js";

/** Returns the chart as an SVG document. */
export function patchGridChart(report: PatchGridReport, width = 720): string {
  const { distances, patchSize, chance, wholePatch, objects } = report;
  const points = (of: (one: PatchGridReport["distances"][number]) => ObjectMean) =>
    distances.map((one) => {
      const { mean, confidence95 } = of(one);
      return { x: one.distance, y: mean, low: confidence95[0], high: confidence95[1] };
    });
  return lineChart({
    width,
    title: `Objects between patches of ${patchSize} pixels`,
    description: `Accuracy over the distance of an object's centre to the nearest border of a patch, with 95 % intervals over ${objects} objects`,
    series: [
      { name: "named right", points: points(({ accuracy }) => accuracy), uncertainty: "bars" },
      {
        name: "same prediction as at a patch centre",
        points: points(({ agreement }) => agreement),
        uncertainty: "band",
      },
    ],
    x: { label: "pixels from the object's centre to the nearest border", include: [0, patchSize / 2] },
    y: { label: "fraction of images", format: "percent", include: [0, 1] },
    references: [
      { value: chance, label: "chance" },
      { value: wholePatch.agreement.mean, label: "same prediction after a shift by a whole patch" },
    ],
  });
}
