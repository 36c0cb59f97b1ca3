import { describe, expect, it } from "vitest";
import { LONG_LINE, Splitter, splitWhole, type Block } from "./blocks";
import { ANSWER, SNIPPETS, chance } from "./samples";

function pieces(text: string, random: () => number, most: number): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length;) {
    const size = 1 + Math.floor(random() * most);
    found.push(text.slice(at, at + size));
    at += size;
  }
  return found;
}

function inPieces(parts: readonly string[]): readonly Block[] {
  const splitter = new Splitter();
  const seen: Block[] = [];
  for (const part of parts) {
    splitter.push(part);
    const { frozen, open } = splitter.split();
    seen.forEach((block, index) => {
      expect(frozen[index]).toBe(block);
    });
    seen.push(...frozen.slice(seen.length));
    if (open)
      expect(open.key).toBeGreaterThanOrEqual(
        seen.reduce((sum, block) => Math.max(sum, block.key + block.source.length), 0),
      );
  }
  return splitter.finish().frozen;
}

function randomText(random: () => number): string {
  return Array.from({ length: 30 }, () => SNIPPETS[Math.floor(random() * SNIPPETS.length)]).join("");
}

describe("the splitter", () => {
  it("gives the same blocks for any cutting, and never changes a frozen one", () => {
    const whole = splitWhole(ANSWER).frozen;
    for (let seed = 1; seed <= 40; seed += 1) {
      const random = chance(seed);
      expect(inPieces(pieces(ANSWER, random, seed % 2 ? 3 : 60))).toEqual(whole);
    }
  });

  it("does so for documents that nobody would write", () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = chance(seed * 7_919);
      const text = randomText(random);
      expect(inPieces(pieces(text, random, 4))).toEqual(splitWhole(text).frozen);
    }
  });

  it("loses no text", () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const text = randomText(chance(seed * 104_729));
      const kept = splitWhole(text)
        .frozen.map(({ source }) => source)
        .join("");
      expect(kept.replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
    }
  });

  it("knows the kinds", () => {
    expect(splitWhole(ANSWER).frozen.map(({ kind }) => kind)).toEqual([
      ...[
        "heading",
        "text",
        "text",
        "list",
        "quote",
        "text",
        "fence",
        "fence",
        "code",
        "text",
        "math",
        "text",
        "heading",
      ],
      ...["text", "text", "list", "text", "text"],
    ]);
  });

  it("keeps a fence together and shows it as one while it is open", () => {
    const splitter = new Splitter();
    splitter.push("before\n```py\na\n\n# b\n``");
    expect(splitter.split().frozen.map(({ source }) => source)).toEqual(["before\n"]);
    expect(splitter.split().open).toEqual({ key: 7, kind: "fence", source: "```py\na\n\n# b\n``" });
    splitter.push("`\nafter");
    expect(splitter.split().frozen[1]?.kind).toBe("fence");
    expect(splitter.split().open?.source).toBe("after");
  });

  it("waits with a paragraph, which a row of dashes would make a heading", () => {
    const splitter = new Splitter();
    splitter.push("Title\n");
    expect(splitter.split().frozen).toHaveLength(0);
    splitter.push("---\n");
    expect(splitter.split().frozen[0]?.source).toBe("Title\n---\n");
  });

  it("waits with a list after an empty line, since it may go on", () => {
    const splitter = new Splitter();
    splitter.push("- a\n\n");
    expect(splitter.split().frozen).toHaveLength(0);
    splitter.push("  more\n\n- b\n");
    expect(splitter.split().frozen).toHaveLength(0);
    splitter.push("\nout\n");
    expect(splitter.split().frozen[0]?.source).toBe("- a\n\n  more\n\n- b\n\n");
  });

  it("collects references, the first of a label", () => {
    const splitter = new Splitter();
    splitter.push('[A  b]: <http://one> "t"\n[a b]: http://two\n\n');
    expect(splitter.references.get("a b")).toEqual({ href: "http://one", title: "t" });
  });

  it("cuts a line that is too long, between whole letters", () => {
    const text = `${"x".repeat(LONG_LINE - 1)}𝄞${"y".repeat(1_000_000)}`;
    const { frozen } = splitWhole(text);
    expect(frozen.every(({ kind }) => kind === "long")).toBe(true);
    expect(frozen[0]?.source).toHaveLength(LONG_LINE - 1);
    expect(frozen.map(({ source }) => source).join("")).toBe(text);
  });

  it("takes a megabyte in small pieces in linear time", () => {
    const splitter = new Splitter();
    const started = performance.now();
    for (let n = 0; n < 100_000; n += 1) splitter.push("0123456789");
    for (let n = 0; n < 10_000; n += 1) splitter.push("- item\n");
    splitter.finish();
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});
