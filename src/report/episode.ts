/** Shows one few-shot episode: support images, query images and predictions. */

import { largest, smallest } from "../text/arrays.js";
import { collapsible } from "./components.js";
import { type Picture, requireEmbedded } from "./images.js";
import { element, fragment, type Markup } from "./markup.js";
import { seriesColours } from "./palette.js";

/** One query image; classes are indices into the episode's list. */
export interface EpisodeQuery {
  picture: Picture;
  truth: number;
  guess: number;
  /** One score for each class, on any scale: bars range from the minimum to the maximum of the whole episode. */
  scores: readonly number[];
}

/** An episode with its images. */
export interface Episode {
  /** The classes of the episode with their support images. */
  classes: readonly { name: string; pictures: readonly Picture[] }[];
  queries: readonly EpisodeQuery[];
  /** Number of queries that are visible initially; the others are collapsed. Default: 12. */
  visible?: number;
  /** Show pixels as squares, for images of about 32 pixels or fewer. */
  pixelated?: boolean;
}

/** A, B, C … as in spreadsheets: AA follows Z. */
function letter(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : letter(Math.floor(index / 26) - 1) + last;
}

function badge(index: number): Markup {
  return element("span", { class: "badge", style: `border-color: ${colourOf(index)}` }, letter(index));
}

function colourOf(index: number): string {
  return seriesColours[index % seriesColours.length]!;
}

function supportList({ classes }: Episode): Markup {
  return element(
    "ul",
    { class: "support" },
    classes.map(({ name, pictures }, i) =>
      element(
        "li",
        {},
        element("div", { class: "class" }, badge(i), name),
        element(
          "div",
          { class: "shots" },
          pictures.map((picture) =>
            element("img", { src: requireEmbedded(picture), alt: picture.alt, loading: "lazy" }),
          ),
        ),
      ),
    ),
  );
}

function scoreBars(query: EpisodeQuery, low: number, high: number): Markup {
  const span = high - low || 1;
  return element(
    "dl",
    { class: "scores" },
    query.scores.map((score, i) =>
      element(
        "div",
        { class: i === query.guess ? "best" : undefined, title: `${letter(i)}: ${score.toFixed(3)}` },
        element("dt", {}, letter(i)),
        element(
          "dd",
          {},
          element("i", { style: `width: ${((100 * (score - low)) / span).toFixed(1)}%; background: ${colourOf(i)}` }),
        ),
      ),
    ),
  );
}

function queryCard(query: EpisodeQuery, episode: Episode, low: number, high: number): Markup {
  const right = query.truth === query.guess;
  const name = (index: number): string => `${letter(index)}\u00a0\u00b7\u00a0${episode.classes[index]!.name}`;
  return element(
    "li",
    { class: right ? "query right" : "query wrong" },
    element("img", { src: requireEmbedded(query.picture), alt: query.picture.alt, loading: "lazy" }),
    element(
      "div",
      { class: "answer" },
      element(
        "span",
        { class: "verdict" },
        right ? "✓" : "✗",
        element("span", { class: "unseen" }, right ? " right: " : " wrong: "),
        "\u00a0",
        name(query.guess),
      ),
      right ? null : element("span", { class: "truth" }, "it is ", name(query.truth)),
      scoreBars(query, low, high),
    ),
  );
}

/**
 * Shows an episode: each class with its support images, then each query with prediction, label and score bars. Correct and wrong predictions
 * differ by sign, border and the text for screen readers as well as by colour. Throws if a query has a class that the episode does not have, or
 * lacks a score.
 */
export function episodeGallery(episode: Episode): Markup {
  const { classes, queries, visible = 12 } = episode;
  for (const { truth, guess, scores, picture } of queries) {
    if (!classes[truth] || !classes[guess] || scores.length !== classes.length || !scores.every(Number.isFinite)) {
      throw new Error(
        `episode: picture "${picture.alt}" has truth ${truth}, guess ${guess} and scores [${scores.join(", ")}]; expected positions among ${classes.length} classes and a finite score for each`,
      );
    }
  }
  const scores = queries.flatMap((query) => query.scores);
  const low = smallest(scores);
  const high = largest(scores);
  const right = queries.filter(({ truth, guess }) => truth === guess).length;
  const cards = queries.map((query) => queryCard(query, episode, low, high));
  const list = (items: Markup[]) => element("ul", { class: "queries" }, items);
  const hidden = cards.length - visible;
  return element(
    "div",
    { class: episode.pixelated ? "pixelated" : undefined },
    element(
      "p",
      { class: "muted" },
      `${classes[0]?.pictures.length ?? 0} labelled images of each class are the support set:`,
    ),
    supportList(episode),
    element(
      "p",
      { class: "muted" },
      `Query images: ${right} of ${queries.length} classified correctly. Bars are the scores of `,
      classes.map((_, i) => (i === 0 ? letter(i) : `${i === classes.length - 1 ? " and " : ", "}${letter(i)}`)),
      ".",
    ),
    list(cards.slice(0, visible)),
    hidden > 0 ? collapsible(`Show the other ${hidden}`, list(cards.slice(visible))) : fragment(),
  );
}
