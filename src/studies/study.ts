/** Tests a claim of the field by the name of its study. */
import { studyNamed } from "./list/index.js";
import { redrawStudy, runStudy, type StudyOptions, type StudyReport } from "./run.js";

/** Options of `study`. */
export interface NamedStudyOptions extends Omit<StudyOptions, "folder"> {
  /** Draw the figures and judge from the stored table, without any run. Default: false. */
  readonly figureOnly?: boolean | undefined;
  /** Folder of runs, tables and figures. Default: runs/studies. */
  readonly output?: string | undefined;
}

/**
 * Runs a study by its name or number: trains what its claim needs (runs are shared among studies), writes its table and its figures, and judges
 * the claim by the rule that the study declares. The same call continues an interrupted study.
 *
 * Throws RangeError for an unknown name, with the known ones, an Error for `figureOnly` without a stored table, and what its jobs throw.
 *
 * @example
 * const { verdict, files } = await study("positions");
 * console.log(verdict.decision, verdict.text); // "supports", ...
 */
export async function study(name: string, options: NamedStudyOptions = {}): Promise<StudyReport> {
  const { figureOnly = false, output: folder, ...rest } = options;
  const declared = studyNamed(name);
  return figureOnly ? await redrawStudy(declared, { ...rest, folder }) : await runStudy(declared, { ...rest, folder });
}
