/** The patch-grid study as a chart: answers over the distance from the object's centre to the nearest border of a patch. */
import { lineChart } from "../../report/index.js";
import type { ObjectMean, PatchGridReport } from "./patch-grid.js";

/** Draws it as an SVG document. */
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
      { name: "named as in the middle of a patch", points: points(({ agreement }) => agreement), uncertainty: "band" },
    ],
    x: { label: "pixels from the object's centre to the nearest border", include: [0, patchSize / 2] },
    y: { label: "share of images", format: "percent", include: [0, 1] },
    references: [
      { value: chance, label: "chance" },
      { value: wholePatch.agreement.mean, label: "as in the middle, moved by a whole patch" },
    ],
  });
}
