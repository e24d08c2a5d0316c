/** Tests of what is closed when a function that opens resources fails. */
import { describe, expect, it } from "vitest";
import { closable, closeOnError } from "../../src/files/closable.js";

/** A resource that adds its name to `closed`. */
function resource(name: string, closed: string[]) {
  return closable({ close: async () => void closed.push(name) });
}

describe("closeOnError", () => {
  it("leaves what was opened open when use returns", async () => {
    const closed: string[] = [];
    expect(await closeOnError(resource("a", closed), async () => 7)).toBe(7);
    expect(closed).toEqual([]);
  });

  it("closes a resource and throws the same error", async () => {
    const closed: string[] = [];
    const error = new Error("no");
    const failed = closeOnError(resource("a", closed), () => {
      throw error;
    });
    await expect(failed).rejects.toBe(error);
    expect(closed).toEqual(["a"]);
  });

  it("closes what was added while use ran, each once", async () => {
    const closed: string[] = [];
    const opened = [resource("a", closed)];
    const failed = closeOnError(opened, async () => {
      opened.push(resource("b", closed));
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(closed).toEqual(["a", "b"]);
  });

  it("throws the first error when closing fails too", async () => {
    const broken = closable({ close: () => Promise.reject(new Error("cannot close")) });
    await expect(closeOnError(broken, () => Promise.reject(new Error("first")))).rejects.toThrow("first");
  });
});
