/** Colours and strokes that distinguish series on light and dark backgrounds, and without colour. */

/** Style of a series. */
export interface SeriesStyle {
  colour: string;
  /** SVG dash pattern; undefined is a solid line. */
  dash: string | undefined;
  marker: "circle" | "square" | "triangle" | "diamond";
}

/**
 * Series colours, each with a contrast of at least 3:1 (WCAG 2.2, 1.4.11) on white and on the dark background of reports;
 * tests/report checks it. Blue and orange come first: they are distinct in all common forms of colour blindness.
 */
export const seriesColours = ["#2f7fd1", "#c8631b", "#17906a", "#8d6bd1", "#d1497f", "#8f7a17"] as const;

/** The two background colours on which a chart must be readable. */
export const paper = { light: "#ffffff", dark: "#14171c" } as const;

/** Colour of text and axes in a chart without a style sheet: a grey between both backgrounds. */
export const neutral = "#767b84";

const dashes = [undefined, "7 4", "2 3", "10 3 2 3"] as const;
const markers = ["circle", "square", "triangle", "diamond"] as const;

/** Style of the series at `index`; colour, dash and marker have different periods, so that no two of 12 styles are the same. */
export function seriesStyle(index: number): SeriesStyle {
  return {
    colour: seriesColours[index % seriesColours.length]!,
    dash: dashes[index % dashes.length],
    marker: markers[index % markers.length]!,
  };
}
