/** What `fovea/report` exports: SVG charts, and self-contained HTML reports. */
export { barChart } from "./charts/bar-chart.js";
export { dotChart } from "./charts/dot-chart.js";
export { heatMap } from "./charts/heat-map.js";
export { lineChart } from "./charts/line-chart.js";
export { chartFigure, heading, paragraph, table } from "./components.js";
export { htmlReport, type Section } from "./html.js";
