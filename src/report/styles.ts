/** The style sheet of HTML reports: light and dark, wide and narrow, screen and print; it uses no external resources. */

import { paper } from "./palette.js";

/** Inline CSS of all reports. It must not contain "<" or "&", because the page is XML as well as HTML. */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --paper: ${paper.light}; --card: #f6f7f8; --line: #d9dde2; --text: #1c2026; --muted: #5c6370;
  --accent: #1f63ad; --right: #0d6b46; --wrong: #b3261e; --wrong-card: #fdf1ef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: ${paper.dark}; --card: #1d2127; --line: #363c46; --text: #e7e9ec; --muted: #a2a9b4;
    --accent: #7db4f0; --right: #5fd3a0; --wrong: #ff8f85; --wrong-card: #2b1f20;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main, header, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.75rem; }
h1 { font-size: clamp(1.6rem, 1.2rem + 1.8vw, 2.3rem); line-height: 1.15; letter-spacing: -0.015em; margin: 0 0 0.6rem; text-wrap: balance; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.25; letter-spacing: -0.01em; margin: 0 0 0.5rem; }
h3 { font-size: 1.02rem; line-height: 1.3; margin: 1.75rem 0 0.5rem; }
p { margin: 0 0 0.9rem; max-width: 44rem; }
.lead { font-size: 1.12rem; color: var(--muted); }
section { padding: 1.9rem 0 0.6rem; }
section + section { border-top: 1px solid var(--line); margin-top: 1.2rem; }
footer { color: var(--muted); font-size: 0.85rem; padding-top: 1.5rem; padding-bottom: 3rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0.4rem 0 0; padding: 0; font-size: 0.92rem; }
a { color: var(--accent); }
.muted { color: var(--muted); }
.note { border-left: 4px solid var(--wrong); background: var(--wrong-card); padding: 0.6rem 0.9rem; margin: 0 0 1rem; max-width: 44rem; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: 0.9em; overflow-wrap: anywhere; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.75rem 0.95rem; }
.tiles .label { display: block; color: var(--muted); font-size: 0.85rem; line-height: 1.3; }
.tiles .value { display: block; font-size: clamp(1.2rem, 1rem + 1.6vw, 1.6rem); line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
.tiles .detail { display: block; color: var(--muted); font-size: 0.82rem; line-height: 1.35; }

.scroll { overflow-x: auto; margin: 0.6rem 0 1.1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--muted); font-size: 0.88rem; padding-bottom: 0.5rem; }
th, td { text-align: left; padding: 0.55rem 0.8rem 0.55rem 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
thead th { font-size: 0.82rem; font-weight: 600; color: var(--muted); line-height: 1.25; vertical-align: bottom; }
tbody th { font-weight: 600; }
tbody th .detail { display: block; font-weight: 400; font-size: 0.84rem; color: var(--muted); line-height: 1.35; }
.number { text-align: right; white-space: nowrap; }
.strong { font-weight: 650; font-size: 1.08rem; }
.interval { white-space: nowrap; color: var(--muted); }
.strip { width: 14rem; min-width: 9rem; padding-left: 0.6rem; padding-right: 0; }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }
.strip svg { display: block; width: 100%; height: auto; }
.key { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; color: var(--muted); font-size: 0.84rem; margin: 0 0 1rem; padding: 0; list-style: none; }
.key svg { vertical-align: -3px; margin-right: 0.4rem; }

figure { margin: 0.9rem 0 1.4rem; }
figcaption { color: var(--muted); font-size: 0.88rem; max-width: 44rem; margin-top: 0.5rem; }
.chart { color: var(--text); max-width: 100%; height: auto; display: block; }
.quiet { fill-opacity: 0.76; }
.rim { stroke: var(--paper); }
.narrow { display: none; }

.support { display: grid; gap: 0.5rem; margin: 0 0 1.1rem; padding: 0; list-style: none; }
.support li { display: grid; grid-template-columns: 9rem 1fr; gap: 0.8rem; align-items: center; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.55rem 0.8rem; }
.class { font-weight: 600; line-height: 1.25; overflow-wrap: anywhere; }
.badge { display: inline-block; min-width: 1.45em; padding: 0 0.3em; margin-right: 0.45em; text-align: center; border: 2px solid; border-radius: 5px; font-size: 0.82rem; font-weight: 700; line-height: 1.35; color: var(--text); }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(3.2rem, 5.2rem)); gap: 0.4rem; }
.shots img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block; background: var(--line); }
.queries { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.6rem, 1fr)); gap: 0.65rem; margin: 0.4rem 0 0.9rem; padding: 0; list-style: none; }
.query { border: 1px solid var(--line); border-radius: 10px; overflow: hidden; background: var(--card); display: flex; flex-direction: column; }
.query.wrong { border: 2px dashed var(--wrong); background: var(--wrong-card); }
.query img { width: 100%; aspect-ratio: 1; object-fit: cover; display: block; background: var(--line); }
.query .answer { padding: 0.45rem 0.6rem 0.55rem; font-size: 0.88rem; line-height: 1.3; }
.verdict { font-weight: 650; overflow-wrap: anywhere; }
.right .verdict { color: var(--right); }
.wrong .verdict { color: var(--wrong); }
.truth { display: block; overflow-wrap: anywhere; }
.scores { margin: 0.4rem 0 0; display: grid; gap: 3px; }
.scores div { display: grid; grid-template-columns: 1.1em 1fr; gap: 0.35rem; align-items: center; font-size: 0.75rem; line-height: 1; }
.scores dt { color: var(--muted); text-align: center; }
.scores dd { margin: 0; height: 8px; border-radius: 2px; background: var(--line); }
.scores .best dt { color: var(--text); font-weight: 700; }
.scores i { display: block; height: 100%; border-radius: 2px; min-width: 2px; }
.pixelated img { image-rendering: pixelated; }
details { margin: 0 0 1.1rem; }
summary { cursor: pointer; color: var(--accent); padding: 0.35rem 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); gap: 0.6rem; margin: 0.8rem 0 1.2rem; padding: 0; list-style: none; font-size: 0.82rem; line-height: 1.3; color: var(--muted); overflow-wrap: anywhere; }
.pictures img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 6px; display: block; margin-bottom: 0.2rem; background: var(--line); }
dl.facts { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.3rem 1.4rem; margin: 0.4rem 0 1.2rem; }
dl.facts dt { color: var(--muted); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }

@media (max-width: 44rem) {
  header { padding-top: 1.6rem; }
  .wide { display: none; }
  .narrow { display: block; }
  .support li { grid-template-columns: 1fr; gap: 0.4rem; }
  .shots { grid-template-columns: repeat(5, 1fr); }
  .queries { grid-template-columns: repeat(2, 1fr); }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .accuracies thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .accuracies, .accuracies tbody, .accuracies caption { display: block; }
  .accuracies tr { display: grid; grid-template-columns: 1fr 1fr; gap: 0.1rem 1rem; padding: 0.7rem 0; border-bottom: 1px solid var(--line); }
  .accuracies th, .accuracies td { border: 0; padding: 0.1rem 0; text-align: left; }
  .accuracies tbody th, .accuracies .strip { grid-column: 1 / -1; width: auto; padding-left: 0; }
  .accuracies td[data-label]::before { content: attr(data-label); display: block; font-size: 0.76rem; font-weight: 400; color: var(--muted); line-height: 1.2; }
  dl.facts { grid-template-columns: 1fr; gap: 0; }
  dl.facts dd { margin-bottom: 0.5rem; }
}
@media print {
  .query, .support li, figure, tr { break-inside: avoid; }
  body { font-size: 11pt; }
}
`;
