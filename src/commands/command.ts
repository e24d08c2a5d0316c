/**
 * Defines commands: options as a zod schema, a body that calls a library function, the text of the result, and examples. The terminal,
 * `docs/cli.md` and the tests use the same table; a command does not depend on its caller.
 */
import type { Readable } from "node:stream";
import { z } from "zod";
import type { Progress, ProgressOptions } from "../text/progress.js";

/** Callbacks and streams that the caller passes to a command. */
export interface Io {
  /** Aborts when the command should stop. */
  readonly signal: AbortSignal;
  /** Reports a message that is not part of the result. */
  note(text: string): void;
  /** Starts a progress display. */
  progress(options: ProgressOptions): Progress;
  /** Standard input. */
  readonly stdin: Readable;
}

/** Thrown for options that are valid on their own but not together. The message states what to give instead. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The outcome of a command. */
export interface Outcome {
  /** The result as a JSON value. */
  readonly document: unknown;
  /** The result as text. */
  readonly text: string;
  /** Whether the result is a failure, such as unreadable images; the exit status is then 1. */
  readonly failed: boolean;
}

/** A command line and what it does. */
export interface Example {
  readonly run: string;
  readonly does: string;
}

/** A command. */
export interface Command {
  /** One or two words, `fit` or `speed engine`. */
  readonly name: string;
  /** One line of at most 80 characters that starts with a verb. */
  readonly summary: string;
  /** Further sentences below the summary. */
  readonly details: string | undefined;
  readonly options: z.ZodObject;
  /** Schema of `document`. */
  readonly result: z.ZodType;
  /** At least one. */
  readonly examples: readonly Example[];
  /** Old names of options and what replaced them. */
  readonly renamed: Readonly<Record<string, string>>;
  /** Message to show when `signal` aborts; undefined for a command that ignores the signal. */
  readonly stopping: string | undefined;
  /** Whether all MPI ranks run the command together; otherwise only rank 0 runs it. */
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
  /** Imports the library with `import()`, so that help does not load the engine. */
  run(options: Options<Shape>, io: Io): Promise<Result>;
  text(result: Result, options: Options<Shape>): string | readonly string[];
  failed?(result: Result): boolean;
}

/** The values of a command's options, with their defaults. */
export type Options<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/**
 * Builds a command from its definition. `document` converts the return value of `run` into the JSON document; by default the return value is
 * the document.
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
