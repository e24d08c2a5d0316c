/** Writes self-contained HTML reports: one file that can be opened offline, on a phone and printed. */

import { type Child, element, escapeText, fragment } from "./markup.js";
import { styleSheet } from "./styles.js";

/** A section of a report. */
export interface Section {
  title: string;
  content: readonly Child[];
}

/** Data and options of a report. */
export interface HtmlReportOptions {
  title: string;
  /** One or two sentences with the main result. */
  lead?: string;
  /** Content between the lead and the first section, such as tiles. */
  summary?: readonly Child[];
  sections: readonly Section[];
  /** Footer: command, versions, licences of the images. */
  footer?: readonly Child[];
  /** Language of the text. Default: "en". */
  language?: string;
}

/** Anchor of a section for links. */
function anchor(title: string, index: number): string {
  const words = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  return `${index + 1}${words ? `-${words}` : ""}`;
}

/**
 * Builds a report as one HTML page (also well-formed XML) with embedded style and images. A content security policy in the page forbids loading
 * anything, so it looks the same offline and sends no requests when it is opened.
 *
 * @example
 * await writeFile("report.html", htmlReport({ title: "First light", sections: [{ title: "Loss", content: [chartFigure(draw)] }] }));
 */
export function htmlReport(options: HtmlReportOptions): string {
  const { title, lead, summary = [], sections, footer = [], language = "en" } = options;
  const anchors = sections.map((section, i) => anchor(section.title, i));
  const head = element(
    "head",
    {},
    element("meta", { charset: "utf-8" }),
    element("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    element("meta", {
      "http-equiv": "Content-Security-Policy",
      content: "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    }),
    element("title", {}, title),
    { markup: `<style>${styleSheet}</style>` },
  );
  const contents =
    sections.length > 2
      ? element(
          "nav",
          { "aria-label": "Sections" },
          element(
            "ul",
            {},
            sections.map((section, i) => element("li", {}, element("a", { href: `#${anchors[i]}` }, section.title))),
          ),
        )
      : null;
  const body = element(
    "body",
    {},
    element(
      "header",
      {},
      element("h1", {}, title),
      lead ? element("p", { class: "lead" }, lead) : null,
      ...summary,
      contents,
    ),
    element(
      "main",
      {},
      sections.map((section, i) =>
        element("section", { id: anchors[i] }, element("h2", {}, section.title), ...section.content),
      ),
    ),
    footer.length > 0 ? element("footer", {}, ...footer) : null,
  );
  return `<!doctype html>\n<html lang="${escapeText(language)}">\n${fragment(head, "\n", body).markup}\n</html>\n`;
}
