import { describe, expect, it } from "vitest";
import type { Message } from "../api/records";
import { message } from "./samples";
import { Tree, textOf } from "./tree";

function tree(...messages: Message[]): Tree {
  return new Tree(new Map(messages.map((one) => [one.id, one])));
}

const FORKED = [
  message({ id: "u1", role: "user", created: 1 }),
  message({ id: "a1", parent: "u1", created: 2, model: "x/a" }),
  message({ id: "a2", parent: "u1", created: 3, order: 1, model: "x/b" }),
  message({ id: "u2", parent: "a1", role: "user", created: 4 }),
  message({ id: "a3", parent: "u2", created: 5 }),
  message({ id: "u3", parent: "a1", role: "user", created: 6, order: 1, edited: true }),
  message({ id: "a4", parent: "u3", created: 7 }),
];

describe("the tree", () => {
  it("goes from the first message to the leaf", () => {
    expect(
      tree(...FORKED)
        .path("a3")
        .map(({ id }) => id),
    ).toEqual(["u1", "a1", "u2", "a3"]);
    expect(
      tree(...FORKED)
        .path("a2")
        .map(({ id }) => id),
    ).toEqual(["u1", "a2"]);
  });

  it("takes the newest leaf when the named one is gone", () => {
    expect(
      tree(...FORKED)
        .path("gone")
        .at(-1)?.id,
    ).toBe("a4");
    expect(
      tree(...FORKED)
        .path(null)
        .at(-1)?.id,
    ).toBe("a4");
    expect(tree().path(null)).toEqual([]);
  });

  it("counts siblings and switches to where one of them leads", () => {
    const forked = tree(...FORKED);
    const second = FORKED[3] as Message;
    expect(forked.siblings(second)).toEqual({ ids: ["u2", "u3"], at: 0 });
    expect(forked.switchTo(second, 1)).toBe("a4");
    expect(forked.switchTo(second, -1)).toBeNull();
    expect(forked.switchTo(FORKED[2] as Message, -1)).toBe("a4");
  });

  it("makes columns of the newest reply of each model", () => {
    const again = message({ id: "a5", parent: "u1", created: 9, order: 2, model: "x/a" });
    expect(
      tree(...FORKED, again)
        .columns("u1")
        .map(({ id }) => id),
    ).toEqual(["a5", "a2"]);
    expect(tree(...FORKED, again).columns("u1", 1)).toHaveLength(1);
  });

  it("shows what lies under a deleted message, and knows what a deletion takes along", () => {
    const forked = tree(...FORKED);
    expect(forked.subtree("a1").sort()).toEqual(["a1", "a3", "a4", "u2", "u3"]);
    expect(
      tree(...FORKED.slice(3))
        .children(null)
        .map(({ id }) => id),
    ).toEqual(["u2", "u3"]);
  });

  it("does not run in circles", () => {
    const one = message({ id: "a", parent: "b" });
    const other = message({ id: "b", parent: "a" });
    expect(tree(one, other).path("a")).toHaveLength(2);
    expect(["a", "b"]).toContain(tree(one, other).below("a"));
  });

  it("holds 10,000 messages in one line", () => {
    const many = Array.from({ length: 10_000 }, (_, n) =>
      message({ id: `m${n}`, parent: n ? `m${n - 1}` : null, created: n }),
    );
    const started = performance.now();
    expect(tree(...many).path(null)).toHaveLength(10_000);
    expect(performance.now() - started).toBeLessThan(250);
  });
});

describe("the text of a message", () => {
  it("leaves out reasoning", () => {
    const parts: Message["parts"] = [
      { type: "reasoning", text: "hm", duration_ms: null, redacted: false },
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ];
    expect(textOf(message({ id: "m", parts }))).toBe("one\n\ntwo");
  });
});
