import { describe, expect, it } from "vitest";
import { Drafts } from "./drafts";

function storage(): Storage {
  const kept = new Map<string, string>();
  return {
    get length() {
      return kept.size;
    },
    clear: () => kept.clear(),
    getItem: (key) => kept.get(key) ?? null,
    key: (n) => [...kept.keys()][n] ?? null,
    removeItem: (key) => void kept.delete(key),
    setItem: (key, value) => void kept.set(key, value),
  };
}

describe("drafts", () => {
  it("are kept per session and forgotten when empty", () => {
    const kept = storage();
    new Drafts(kept).write("s1", "hello");
    expect(new Drafts(kept).read("s1")).toBe("hello");
    expect(new Drafts(kept).read("s2")).toBe("");
    new Drafts(kept).write("s1", "");
    expect(kept.length).toBe(0);
  });

  it("are at most fifty, the oldest go first", () => {
    const kept = storage();
    let now = 0;
    const drafts = new Drafts(kept, () => (now += 1));
    for (let n = 0; n < 60; n += 1) drafts.write(`s${n}`, "x");
    expect(kept.length).toBe(50);
    expect(drafts.read("s9")).toBe("");
    expect(drafts.read("s59")).toBe("x");
  });

  it("keep what was chosen for a session that is to come", () => {
    const kept = storage();
    const setup = { models: ["a/b"], system: "Be brief.", params: { seed: 8 } };
    expect(new Drafts(kept).write("new", "", setup)).toBe(true);
    expect(new Drafts(kept).setup("new")).toEqual(setup);
    new Drafts(kept).write("new", "");
    expect([new Drafts(kept).setup("new"), kept.length]).toEqual([null, 0]);
    kept.setItem("hostler:draft:odd", JSON.stringify({ text: "", at: 1, setup: { models: 3 } }));
    expect(new Drafts(kept).setup("odd")).toBeNull();
  });

  it("do without a storage, with a full one, and with one that holds something else", () => {
    expect(new Drafts(null).read("s")).toBe("");
    expect(new Drafts(null).write("s", "x")).toBe(false);
    const before = storage();
    new Drafts(before).write("s", "a draft of before");
    const full = {
      ...before,
      setItem: () => {
        throw new Error("full");
      },
    };
    expect(new Drafts(full).write("s", "x")).toBe(false);
    expect(new Drafts(full).read("s")).toBe("");
    const odd = storage();
    odd.setItem("hostler:draft:s", "{");
    expect(new Drafts(odd).read("s")).toBe("");
  });
});
