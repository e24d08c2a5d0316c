/** What `await using` closes, and when. */
import { expect, test } from "vitest";
import { openSource } from "../../src/data/index.js";
import { type Closable, closable } from "../../src/files/closable.js";
import * as g from "../../src/graph/index.js";
import { compile } from "../../src/runtime/index.js";

interface Named extends Closable {
  readonly name: string;
}

const closed: string[] = [];
const open = (name: string): Named =>
  closable<Named>({
    name,
    close: async () => {
      closed.push(name);
    },
  });

test("a block closes what it opened, last first, also when it throws", async () => {
  const block = async (fails: boolean) => {
    await using first = open("first");
    await using second = open("second");
    if (fails) throw new Error(`no ${second.name}`);
    return first.name;
  };
  expect([await block(false), ...closed.splice(0)]).toEqual(["first", "second", "first"]);
  await expect(block(true)).rejects.toThrow("no second");
  expect(closed.splice(0)).toEqual(["second", "first"]);
});

test("a copy is closed by its own close", async () => {
  {
    await using copy: Named = { ...open("inner"), close: async () => void closed.push("copy") };
    expect(copy.name).toBe("inner");
  }
  expect(closed.splice(0)).toEqual(["copy"]);
});

test("a getter stays one: it is not read before it is asked for", () => {
  const lazy = closable<Named>({
    get name(): string {
      throw new Error("read");
    },
    close: async () => {},
  });
  expect(() => lazy.name).toThrow("read");
});

test("programs and sources are closed at the end of the block", async () => {
  const x = g.input("x", "float32", [2]);
  let left: { program: Awaited<ReturnType<typeof compile>>; source: Awaited<ReturnType<typeof openSource>> };
  {
    await using program = await compile(
      { state: [], functions: { run: { inputs: [x], outputs: { y: g.add(x, x) } } } },
      { inThread: true },
    );
    await using source = await openSource("embedded:fashion", { split: "test" });
    expect((await program.run("run", { x: Float32Array.of(1, 2) }))["y"]).toEqual(Float32Array.of(2, 4));
    expect((await source.get(0)).label).toBe(source.labels[0]);
    left = { program, source };
  }
  await expect(left.program.run("run", { x: Float32Array.of(1, 2) })).rejects.toThrow("the program is closed");
  await expect(left.source.get(0)).rejects.toThrow("closed");
});
