/** What an analysis is: from a network and images to numbers and charts. */
import type { Subject } from "./subject.js";

/** A drawing of an analysis. */
export interface AnalysisChart {
  readonly title: string;
  /** What is shown and how to read it, in a sentence or two. */
  readonly caption: string;
  /** Draws it as an SVG document of a width in CSS pixels. */
  draw(width: number): string;
}

/** What an analysis gives. */
export interface AnalysisResult {
  /** What was found, in one or two sentences. */
  readonly text: string;
  /** The numbers, as JSON: typed arrays as arrays. */
  readonly data: unknown;
  readonly charts: readonly AnalysisChart[];
}

/** What a user may choose. */
export interface AnalysisOptions {
  /** Encoder block to look at, from 0. Default: the last, for position embeddings the first. */
  readonly layer?: number | undefined;
  /** Patch to look at, from 0. Default: the middle of the grid, or the class token of an attention that has one. */
  readonly patch?: readonly [row: number, column: number] | undefined;
}

/** What an analysis is given besides the network. */
export interface AnalysisContext extends AnalysisOptions {
  /** Another network that is opened with the same images, for analyses with `compares`. */
  readonly compared?: Subject | undefined;
}

/** An analysis of one network. */
export interface Analysis {
  /** Its name on the command line. */
  readonly name: string;
  readonly title: string;
  /** What it computes, with the source of the method. */
  readonly summary: string;
  /** Why it does not apply to a network, and what that network has instead; undefined where it applies. */
  unavailable(subject: Subject): string | undefined;
  /** Does it take so long that it runs only when its name is given? */
  readonly onlyByName?: boolean;
  /** Does it use the other network? */
  readonly compares?: boolean;
  run(subject: Subject, options?: AnalysisContext): Promise<AnalysisResult>;
}
