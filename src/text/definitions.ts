/** Tables of what users define by name (models, objectives, optimisers, ...), so that recipes and checkpoints can name code. */
import { didYouMean } from "./nearest.js";

/** What every definition has. */
export interface Definition {
  /** The name by which recipes and checkpoints refer to it. */
  readonly name: string;
  /** Change it when the code changes, so that runs of the former code are not resumed with the present one. Default: "1". */
  readonly version?: string;
}

/** A reference to a definition, as recipes and checkpoints store it. */
export interface Reference {
  readonly definition: string;
  readonly version: string;
}

/** The definitions of one kind. */
export interface Definitions<T extends Definition> {
  /** Adds a definition, in place of an earlier one of the same name, and returns the reference to it. */
  add(definition: T): Reference;
  /** Why a reference cannot be followed, and what to do; undefined if it can. */
  problem(reference: Reference): string | undefined;
  /** The definition of a reference. Throws an Error with `problem`. */
  get(reference: Reference): T;
}

/** Makes an empty table. `what`: "model"; `define`: "defineModel", the function that adds to it. Both are used in errors. */
export function definitions<T extends Definition>(what: string, define: string): Definitions<T> {
  const known = new Map<string, T>();
  const problem = ({ definition, version }: Reference): string | undefined => {
    const found = known.get(definition);
    const now = found && (found.version ?? "1");
    if (now === version) return undefined;
    if (now !== undefined) {
      return `the user-defined ${what} "${definition}" has version "${now}" here; expected version "${version}", with which the run was started`;
    }
    return `the ${what} "${definition}" (version "${version}") is user-defined, and nothing defines it here${didYouMean(definition, known.keys())}; first import the file that calls ${define}({ name: "${definition}", ... })`;
  };
  return {
    add: (definition) => {
      const { name, version = "1" } = definition;
      if (!/^[\w.-]+$/.test(name)) {
        throw new RangeError(
          `${define}: the name is "${name}"; expected letters, digits, dots, dashes and underscores`,
        );
      }
      known.set(name, definition);
      return { definition: name, version };
    },
    problem,
    get: (reference) => {
      const found = known.get(reference.definition);
      const why = problem(reference);
      if (!found || why !== undefined) throw new Error(why);
      return found;
    },
  };
}
