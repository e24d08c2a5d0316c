/** The studies, in the order of their numbers. */
import { didYouMean } from "../../text/nearest.js";
import type { Study } from "../framework/study.js";
import { familiesOverData } from "./families.js";
import { lateDecay } from "./late-decay.js";
import { modelAndData } from "./model-and-data.js";
import { positionEmbeddings } from "./positions.js";

export const studies: readonly Study[] = [modelAndData, lateDecay, familiesOverData, positionEmbeddings];

/** The study of a name or number. Throws RangeError for an unknown one, naming the nearest. */
export function studyNamed(name: string): Study {
  const found = studies.find((study) => study.name === name || String(study.number) === name);
  if (found) return found;
  const names = studies.map((study) => study.name);
  throw new RangeError(`unknown study "${name}"${didYouMean(name, names) || `; expected one of ${names.join(", ")}`}`);
}
