/** Selects an evaluator and its setting by cross-validation, one fit after another. */
import type { Features, LabelledFeatures } from "../../algebra/features.js";
import type { Setting } from "../../networks/index.js";
import { type Evaluator, type FitContext, type FittedHead, highestScores } from "../evaluators/index.js";
import { type Fold, selected } from "./folds.js";

/** An evaluator at one of its settings, with its accuracy. */
export interface Candidate {
  readonly evaluator: Evaluator;
  readonly setting: Setting;
  /**
   * Cross-validation accuracy. It is slightly optimistic for the selected candidate, because the selection maximised
   * it.
   */
  readonly accuracy: number;
}

export interface Selected {
  readonly best: Candidate;
  readonly candidates: readonly Candidate[];
  /** Scores of the best candidate for its test rows. */
  readonly scores: Features;
  readonly rows: readonly number[];
}

export class Selection {
  private readonly tried: readonly Pick<Candidate, "evaluator" | "setting">[];

  constructor(
    private readonly data: LabelledFeatures,
    private readonly classes: number,
    evaluators: readonly Evaluator[],
    private readonly context: FitContext & { readonly signal?: AbortSignal | undefined },
    private readonly onFit: () => void,
  ) {
    this.tried = evaluators.flatMap((evaluator) => evaluator.settings.map((setting) => ({ evaluator, setting })));
  }

  /** Number of fits for each fold when selecting among all candidates. */
  get candidateCount(): number {
    return this.tried.length;
  }

  /** Fits one candidate to some rows. */
  async fit(
    { evaluator, setting }: Pick<Candidate, "evaluator" | "setting">,
    rows: readonly number[],
  ): Promise<FittedHead> {
    this.context.signal?.throwIfAborted();
    const fitted = await evaluator.fit(selected(this.data, rows), this.classes, setting, this.context);
    // yields to the event loop between two fits, for the progress line and Ctrl-C
    await new Promise((resolve) => setImmediate(resolve));
    this.onFit();
    return fitted;
  }

  /**
   * The candidate with the highest accuracy over the test rows of the folds; of equals the first, which is the default.
   */
  async select(folds: readonly Fold[]): Promise<Selected> {
    const rows = folds.flatMap(({ test }) => test);
    let selectedOne: Selected | undefined;
    const candidates: Candidate[] = [];
    for (const one of this.tried) {
      const scores = await this.scores(one, folds, rows.length);
      const guesses = highestScores(scores);
      const right = rows.filter((row, i) => guesses[i] === this.data.labels[row]).length;
      const candidate = { ...one, accuracy: rows.length === 0 ? 0 : right / rows.length };
      candidates.push(candidate);
      if (!selectedOne || candidate.accuracy > selectedOne.best.accuracy) {
        selectedOne = { best: candidate, candidates, scores, rows };
      }
    }
    if (!selectedOne) throw new Error("no evaluators; expected at least one");
    return selectedOne;
  }

  private async scores(
    one: Pick<Candidate, "evaluator" | "setting">,
    folds: readonly Fold[],
    rows: number,
  ): Promise<Features> {
    const scores = new Float64Array(rows * this.classes);
    let at = 0;
    for (const { train, test } of folds) {
      const { data } = await (await this.fit(one, train)).scores(selected(this.data, test).features);
      scores.set(data, at);
      at += data.length;
    }
    return { data: scores, rows, columns: this.classes };
  }
}
