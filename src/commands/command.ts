/**
 * What a command is: its options as a zod schema, its body (a library function), its text and its examples. The terminal, `docs/cli.md` and
 * the tests read the same table; no command knows which of them calls it.
 */
import type { Readable } from "node:stream";
import { z } from "zod";
import type { Progress, ProgressOptions } from "../text/progress.js";

/** What the caller of a command gives it beside its options. */
export interface Io {
  /** Aborts when the command should stop. */
  readonly signal: AbortSignal;
  /** Reports one line that is not the result. */
  note(text: string): void;
  /** Starts a progress display. */
  progress(options: ProgressOptions): Progress;
  /** The bytes that are piped into the command. */
  readonly stdin: Readable;
}

/** Options that a command cannot run with, although each of them is valid. The message says what to give instead. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What a command returns to its caller. */
export interface Outcome {
  /** The result as a JSON value. */
  readonly document: unknown;
  /** The result as text. */
  readonly text: string;
  /** Is the result a failure, such as images that could not be read? The exit status is then 1. */
  readonly failed: boolean;
}

/** A command line and what it does. */
export interface Example {
  readonly run: string;
  readonly does: string;
}

/** A command as its callers see it. */
export interface Command {
  /** One or two words, `fit` or `speed engine`. */
  readonly name: string;
  /** What it does, in one line of at most 80 characters. */
  readonly summary: string;
  /** Further sentences below the summary. */
  readonly details: string | undefined;
  readonly options: z.ZodObject;
  /** What `document` holds. */
  readonly result: z.ZodType;
  /** At least one. */
  readonly examples: readonly Example[];
  /** Old names of options and what replaced them. */
  readonly renamed: Readonly<Record<string, string>>;
  /** What a caller reports when it aborts `signal`; undefined for a command that does not read the signal. */
  readonly stopping: string | undefined;
  /** Does every MPI rank run it with these options, with one result? Otherwise the first one alone does. */
  distributed(options: unknown): boolean;
  /** Runs it. Throws ZodError for invalid options, UsageError for options that exclude each other, and what its library function throws. */
  run(options: unknown, io: Io): Promise<Outcome>;
}

interface Definition<Shape extends z.ZodRawShape, Result, Document> {
  readonly name: string;
  readonly summary: string;
  readonly details?: string;
  /** Each made by `option` of options.ts, in the order of the help. */
  readonly options: Shape;
  readonly result: z.ZodType<Document>;
  readonly examples: readonly Example[];
  readonly renamed?: Readonly<Record<string, string>>;
  readonly stopping?: string;
  distributed?(options: Options<Shape>): boolean;
  /** Loads the engine with `import()`, so that help does without. */
  run(options: Options<Shape>, io: Io): Promise<Result>;
  text(result: Result, options: Options<Shape>): string | readonly string[];
  failed?(result: Result): boolean;
}

/** The values of a command's options, with their defaults. */
export type Options<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/**
 * Makes a command of its definition. `document` turns what `run` returns into the JSON document that `result` describes; without it the two
 * are the same.
 */
export function command<const Shape extends z.ZodRawShape, Result, Document>(
  definition: Definition<Shape, Result, Document> & { document(result: Result): NoInfer<Document> },
): Command;
export function command<const Shape extends z.ZodRawShape, Document>(
  definition: Definition<Shape, NoInfer<Document>, Document>,
): Command;
export function command<const Shape extends z.ZodRawShape, Result, Document>(
  definition: Definition<Shape, Result, Document> & { document?(result: Result): Document },
): Command {
  const { name, summary, details, result, examples, renamed = {}, stopping } = definition;
  const options = z.strictObject(definition.options);
  return {
    name,
    summary,
    details,
    options,
    result,
    examples,
    renamed,
    stopping,
    distributed: (given) => definition.distributed?.(options.parse(given) as Options<Shape>) ?? false,
    async run(given, io) {
      const values = options.parse(given) as Options<Shape>;
      const found = await definition.run(values, io);
      const text = definition.text(found, values);
      return {
        document: definition.document ? definition.document(found) : found,
        text: typeof text === "string" ? text : text.join("\n"),
        failed: definition.failed?.(found) ?? false,
      };
    },
  };
}
