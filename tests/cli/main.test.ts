/** The command line as a whole: one result on stdout, everything else on stderr, clear failures, help. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Command, type CommandDefinition, type CommandResult, defineArguments } from "../../src/cli/command.js";
import * as definitions from "../../src/cli/definitions.js";
import { type Entry, entry, run } from "../../src/cli/main.js";
import { devices } from "../../src/runtime/index.js";

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

const measure = defineArguments({
  name: "measure",
  summary: "Measure something",
  arguments: {
    what: { type: "positional", required: true, description: "What to measure" },
    times: { type: "string", default: "1", description: "How often" },
  },
  examples: [{ line: "fovea measure this", does: "measure this" }],
});

type Body = Command<typeof measure.arguments>["run"];

/** A table of one command with the given body, beside two that cannot be loaded. */
function table(body: Body, definition: CommandDefinition<typeof measure.arguments> = measure): Entry[] {
  const broken = async () => expect.fail("this body must not be loaded");
  return [
    entry(definition, async () => ({ command: { definition, run: body } })),
    entry({ ...measure, name: "bench engine" }, broken),
    entry({ ...measure, name: "bench loader" }, broken),
  ];
}
const answer = async (): Promise<CommandResult> => ({ document: { value: 42 }, text: "the value is 42" });

test("help lists the devices that the runtime knows", () => {
  const hints = Object.values(definitions as object as Record<string, Partial<CommandDefinition>>).flatMap(
    ({ arguments: given }) => Object.entries(given ?? {}).flatMap(([name, one]) => (name === "device" ? [one] : [])),
  );
  expect(hints.length).toBeGreaterThan(5);
  for (const hint of hints) expect(hint).toMatchObject({ valueHint: devices.join("|") });
});

describe("results", () => {
  test("text for people", async () => {
    expect(await run(["measure", "x"], table(answer))).toBe(0);
    expect(stdout).toBe("the value is 42\n");
    expect(stderr).toBe("");
  });

  test("control characters in names do not reach the terminal, as text, JSON, note or failure", async () => {
    const name = "cat\x1b]0;title\x07\x9b31m\r\u202egnp";
    const shown = "cat\\x1b]0;title\\x07\\x9b31m\\x0d\\u202egnp";
    const hostile = table(async ({ note }) => {
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
    const chatty = table(async ({ args, json, note }) => {
      console.log("a library says hello");
      note("a line for the person");
      return { document: { what: args.what, times: args.times, json }, text: "" };
    });
    expect(await run(["measure", "x", "--times", "3", "--json"], chatty)).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ what: "x", times: "3", json: true });
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
    const taking = { ...measure, overrides: true };
    const show: Body = async ({ overrides }) => ({ document: overrides, text: "" });
    expect(await run(["measure", "x", "--a.b=1", "--c", "2", "--json"], table(show, taking))).toBe(0);
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
    [["zzz"], 'unknown command "zzz"; there are measure, bench engine, bench loader'],
    [["bench"], '"bench" needs a word after it; expected bench engine, bench loader'],
    [["bench", "engin"], '"bench" has no "engin"; expected bench engine, bench loader'],
    [["--hlep"], 'unknown flag --hlep; did you mean "--help"?'],
    [["measure", "x", "--tmies=3"], 'unknown flag --tmies; did you mean "--times"?'],
    [["measure"], "WHAT is missing: What to measure"],
    [["measure", "x", "y"], '"y" is one word too many'],
  ])("%j exits 2 and says what was meant", async (words, message) => {
    expect(await run(words, table(answer))).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/\nSee `fovea (measure )?--help`\.\n$/);
    expect(stderr.split("\n")[0]).toBe(`fovea: ${message}`);
  });
});

describe("help", () => {
  test.each([[[]], [["--help"]], [["-h"]], [["help"]]])("of the program, with %j, loads no body", async (words) => {
    expect(await run(words, table(answer))).toBe(0);
    expect(stdout).toMatch(/COMMANDS\n {2}measure {8}Measure something\n {2}bench engine/);
    expect(stdout).toContain("fovea measure this   measure this");
  });

  test.each([[["measure", "--help"]], [["measure", "x", "-h"]], [["help", "measure"]]])(
    "of a command, with %j, without what it requires",
    async (words) => {
      expect(await run(words, table(answer))).toBe(0);
      expect(stdout).toContain("USAGE fovea measure [OPTIONS] <WHAT>");
      expect(stdout).toMatch(/--times=<times> +How often \(Default: 1\)/);
      expect(stdout).toMatch(/EXAMPLES\n\n {2}fovea measure this {3}measure this\n$/);
      expect(stdout).not.toContain("\x1b");
    },
  );

  test("of a command of two words", async () => {
    expect(await run(["bench", "engine", "--help"], table(answer))).toBe(0);
    expect(stdout).toContain("USAGE fovea bench engine");
  });

  test("of train says that settings may follow", async () => {
    const train = entry(definitions.train, async () => expect.fail("loaded"));
    expect(await run(["train", "--help"], [train])).toBe(0);
    expect(stdout).toContain("Any other --path.to.setting=value changes that setting");
  });

  test("after -- is an argument", async () => {
    const show: Body = async ({ args }) => ({ document: args.what, text: args.what });
    expect(await run(["measure", "--", "--help"], table(show))).toBe(0);
    expect(stdout).toBe("--help\n");
  });

  test("the version is the package's", async () => {
    expect(await run(["--version"], table(answer))).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
