/** The command line as a whole: one result on stdout, everything else on stderr, clear failures, help. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { run } from "../../src/cli/main.js";
import { type Io, command as makeCommand } from "../../src/commands/command.js";
import { argument, option, settings, text } from "../../src/commands/options.js";
import train from "../../src/commands/train.js";

let stdout = "";
let stderr = "";
beforeEach(() => {
  stdout = "";
  stderr = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  vi.spyOn(console, "error").mockImplementation((...words) => {
    stderr += `${words.join(" ")}\n`;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

interface Given {
  readonly what: string;
  readonly times: string;
  readonly settings?: unknown;
}
interface Answer {
  readonly document: unknown;
  readonly text: string;
  readonly failed?: boolean;
}
type Body = (options: Given, io: Io) => Promise<Answer>;

const measureOptions = { what: argument(text, "What to measure"), times: option(text.default("1"), "How often") };
const examples = [{ run: "fovea measure this", does: "measure this" }];
const shared = {
  summary: "Measure something",
  examples,
  result: z.unknown(),
  document: ({ document }: Answer) => document,
  text: ({ text }: Answer) => text,
  failed: ({ failed = false }: Answer) => failed,
};

/** A table of one command with the given body, beside two that must not run. */
function table(body: Body) {
  const broken = async () => expect.fail("this body must not run");
  return [
    makeCommand({ ...shared, name: "measure", options: measureOptions, run: body }),
    makeCommand({ ...shared, name: "speed engine", options: measureOptions, run: broken }),
    makeCommand({ ...shared, name: "speed loader", options: measureOptions, run: broken }),
  ];
}
const answer = async (): Promise<Answer> => ({ document: { value: 42 }, text: "the value is 42" });

describe("results", () => {
  test("text for people", async () => {
    expect(await run(["measure", "x"], table(answer))).toBe(0);
    expect(stdout).toBe("the value is 42\n");
    expect(stderr).toBe("");
  });

  test("control characters in names do not reach the terminal, as text, JSON, note or failure", async () => {
    const name = "cat\x1b]0;title\x07\x9b31m\r\u202egnp";
    const shown = "cat\\x1b]0;title\\x07\\x9b31m\\x0d\\u202egnp";
    const hostile = table(async (_, { note }) => {
      note(`reading ${name}`);
      return { document: { name }, text: `a\tb\n${name}` };
    });
    await run(["measure", "x"], hostile);
    expect([stdout, stderr]).toEqual([`a\tb\n${shown}\n`, `reading ${shown}\n`]);
    stdout = "";
    await run(["measure", "x", "--json"], hostile);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(JSON.parse(stdout)).toEqual({ name });
    stderr = "";
    await run(
      ["measure", "x"],
      table(async () => {
        throw new Error(`no ${name}`);
      }),
    );
    expect(stderr).toBe(`fovea: no ${shown}\n`);
  });

  test("exactly one JSON document with --json, whatever libraries print", async () => {
    const chatty = table(async ({ what, times }, { note }) => {
      console.log("a library says hello");
      note("a line for the person");
      return { document: { what, times }, text: "" };
    });
    expect(await run(["measure", "x", "--times", "3", "--json"], chatty)).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ what: "x", times: "3" });
    expect(stderr).toBe("a library says hello\na line for the person\n");
    expect(console.log).not.toBe(console.error);
  });

  test("a check that found something prints its result and exits 1", async () => {
    expect(
      await run(
        ["measure", "x"],
        table(async () => ({ ...(await answer()), failed: true })),
      ),
    ).toBe(1);
    expect(stdout).toBe("the value is 42\n");
  });

  test("settings reach a command that takes them, and only that", async () => {
    const options = { ...measureOptions, settings };
    const show: Body = async (given) => ({ document: given.settings, text: "" });
    const taking = [makeCommand({ ...shared, name: "measure", options, run: show })];
    expect(await run(["measure", "x", "--a.b=1", "--c", "2", "--json"], taking)).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      { path: "a.b", value: "1" },
      { path: "c", value: "2" },
    ]);
    expect(await run(["measure", "x", "--a.b=1"], table(show))).toBe(2);
  });
});

describe("failures", () => {
  const failing = (error: unknown) =>
    table(async () => {
      throw error;
    });

  test("one clear message, no stack, nothing on stdout", async () => {
    expect(await run(["measure", "x", "--json"], failing(new Error("no such folder: x")))).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe("fovea: no such folder: x\n");
  });

  test("the stack and its causes with FOVEA_DEBUG=1", async () => {
    vi.stubEnv("FOVEA_DEBUG", "1");
    await run(["measure", "x"], failing(new Error("outer", { cause: new Error("inner") })));
    expect(stderr).toMatch(/^fovea: Error: outer\n {4}at /);
    expect(stderr).toMatch(/\ncaused by: Error: inner\n {4}at /);
  });

  test("a slip of the program says how to see more", async () => {
    expect(await run(["measure", "x"], failing(new TypeError("undefined is not a function")))).toBe(1);
    expect(stderr).toContain("FOVEA_DEBUG=1 shows where it happened");
    stderr = "";
    expect(await run(["measure", "x"], failing("text"))).toBe(1);
    expect(stderr).toBe("fovea: text\n");
  });

  test.each<[string[], string]>([
    [["mesure", "x"], 'unknown command "mesure"; did you mean "measure"?'],
    [["zzz"], 'unknown command "zzz"; expected one of measure, speed engine, speed loader'],
    [["speed"], '"speed" needs a subcommand: engine, loader'],
    [["speed", "engin"], '"speed" has no subcommand "engin"; did you mean "engine"?'],
    [["bench", "engine"], '"bench engine" is now "speed engine"'],
    [["bench", "backbones", "--data", "x"], '"bench backbones" is now "compare"'],
    [["robustness", "x"], '"robustness" is now "corruptions", "imagenet-sets" or "patch-grid"'],
    [["--hlep"], 'unknown option --hlep; did you mean "--help"?'],
    [["measure", "x", "--tmies=3"], 'unknown option --tmies; did you mean "--times"?'],
    [["measure"], "missing argument WHAT"],
    [["measure", "x", "y"], 'unexpected argument "y"'],
  ])("%j exits 2 and says what was meant", async (words, message) => {
    expect(await run(words, table(answer))).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/\nSee `fovea (measure )?--help`\.\n$/);
    expect(stderr.split("\n")[0]).toBe(`fovea: ${message}`);
  });
});

test("an old name of two words, of which the first is a command still", async () => {
  expect(await run(["inspect", "weights", "x.npz"])).toBe(2);
  expect(stderr).toMatch(/^fovea: "inspect weights" is now "inspect"\n/);
});

describe("help", () => {
  test.each([[[]], [["--help"]], [["-h"]], [["help"]]])("of the program, with %j, runs nothing", async (words) => {
    expect(await run(words, table(answer))).toBe(0);
    expect(stdout).toMatch(/COMMANDS\n {2}measure {7}Measure something\n {2}speed engine/);
    expect(stdout).toContain("  fovea measure this\n      measure this");
  });

  test.each([[["measure", "--help"]], [["measure", "x", "-h"]], [["help", "measure"]]])(
    "of a command, with %j, without what it requires",
    async (words) => {
      expect(await run(words, table(answer))).toBe(0);
      expect(stdout).toMatch(/^fovea measure: Measure something\n\nUSAGE\n {2}fovea measure WHAT \[OPTIONS\]\n/);
      expect(stdout).toMatch(
        /\nARGUMENTS\n {2}WHAT +What to measure\n\nOPTIONS\n {2}--times NAME +How often \(default: 1\)/,
      );
      expect(stdout).toMatch(/\nEXAMPLES\n {2}fovea measure this\n {6}measure this\n$/);
      expect(stdout).not.toContain("\x1b");
    },
  );

  test("of a command of two words", async () => {
    expect(await run(["speed", "engine", "--help"], table(answer))).toBe(0);
    expect(stdout).toContain("  fovea speed engine WHAT");
  });

  test("of train says that settings may follow", async () => {
    expect(await run(["train", "--help"], [train])).toBe(0);
    expect(stdout).toContain("Any other --path.to.setting=value changes that setting");
  });

  test("after -- is an argument", async () => {
    const show: Body = async ({ what }) => ({ document: what, text: what });
    expect(await run(["measure", "--", "--help"], table(show))).toBe(0);
    expect(stdout).toBe("--help\n");
  });

  test("the version is the package's", async () => {
    expect(await run(["--version"], table(answer))).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("ranks of an MPI job", () => {
  test("the first one alone runs what is not distributed; others run the rest without printing", async () => {
    vi.stubEnv("PMI_RANK", "1");
    vi.stubEnv("PMI_SIZE", "2");
    const never = table(async () => expect.fail("this body must not run"));
    expect(await run(["measure", "x"], never)).toBe(0);
    const every = makeCommand({
      ...shared,
      name: "measure",
      options: measureOptions,
      distributed: ({ times }) => times === "2",
      run: async (_, { note }) => {
        note("a line of every rank");
        return { ...(await answer()), failed: true };
      },
    });
    expect(await run(["measure", "x", "--times", "2"], [every])).toBe(1);
    expect([stdout, stderr]).toEqual(["", ""]);
    vi.stubEnv("PMI_RANK", "0");
    expect(await run(["measure", "x", "--times", "2"], [every])).toBe(1);
    expect([stdout, stderr]).toEqual(["the value is 42\n", "a line of every rank\n"]);
  });
});
