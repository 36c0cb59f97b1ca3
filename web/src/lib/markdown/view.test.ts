// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { ANSWER } from "./samples";
import { MarkdownView } from "./view";

function whole(text: string): string {
  const root = document.createElement("div");
  new MarkdownView(root).update(text, true);
  return root.innerHTML.replace(/ data-late="yes"/g, "");
}

describe("the view", () => {
  it("ends with the same page for any cutting", () => {
    for (const step of [1, 7, 50]) {
      const root = document.createElement("div");
      const view = new MarkdownView(root);
      for (let at = 0; at < ANSWER.length; at += step) view.update(ANSWER.slice(0, at), false);
      view.update(ANSWER, true);
      expect(root.innerHTML.replace(/ data-late="yes"/g, "")).toBe(whole(ANSWER));
    }
  });

  it("keeps the nodes of frozen blocks", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("one\n\ntwo\n\nthr", false);
    const first = root.children[0];
    const text = first?.textContent;
    view.update("one\n\ntwo\n\nthree\n\nfour", false);
    expect(root.children[0]).toBe(first);
    expect(first?.textContent).toBe(text);
    expect(root.children).toHaveLength(4);
  });

  it("only adds text to open code", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("```py\na", false);
    const node = root.querySelector("code")?.firstChild;
    view.update("```py\na = 1\n``", false);
    expect(root.querySelector("code")?.firstChild).toBe(node);
    expect(root.querySelector("code")?.textContent).toBe("a = 1");
  });

  it("closes what is half open", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("some **bold te", false);
    expect(root.querySelector("strong")?.textContent).toBe("bold te");
  });

  it("shows a reference as a link once it is defined", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("see [it][1]\n\nmore\n\n", false);
    expect(root.querySelector("a")).toBeNull();
    view.update("see [it][1]\n\nmore\n\n[1]: https://example.org\n\n", false);
    expect(root.querySelector("a")?.textContent).toBe("it");
  });

  it("starts afresh when the text is another one", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    view.update("one", true);
    view.update("two", true);
    expect(root.textContent.trim()).toBe("two");
    view.update("two and more", false);
    expect(root.textContent.trim()).toBe("two and more");
  });

  it("adds to a very long open block instead of rendering it", () => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    const started = performance.now();
    let text = "";
    for (let n = 0; n < 400; n += 1) {
      text += "word ".repeat(25) + "\n";
      view.update(text, false);
    }
    expect(root.querySelector(".md-plain")).not.toBeNull();
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
