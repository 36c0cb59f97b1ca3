/**
 * Shows Markdown that is still arriving in an element of the page.
 *
 * Each frozen block is rendered once; with each piece only the open block is rendered again, and code that is still open only gets text
 * added to it.
 *
 * Knows: when to render what. Does not know: events, messages, Svelte.
 */
import remend from "remend";
import { Splitter, label, type Block, type Reference } from "./blocks";
import { dress } from "./codeblock";
import { fillIn } from "./late";
import { fenced, plain, render } from "./render";

/** A longer open block (UTF-16 code units) is shown as it comes until it is over: rendering it each frame would cost too much. */
const LONG_TAIL = 24_576;
const CALLS = /\[([^[\]]{1,200})\]/g;

interface Tail {
  readonly key: number;
  readonly element: HTMLElement;
  /** Set while text is only added: open code, or an open block that is too long. */
  text: Text | null;
  shown: number;
}

export interface ViewOptions {
  readonly breaks?: boolean;
}

export class MarkdownView {
  readonly #root: HTMLElement;
  readonly #breaks: boolean;
  #splitter = new Splitter();
  #seen = "";
  #blocks = 0;
  #tail: Tail | null = null;
  #finished = false;
  /** Frozen blocks that call a reference nobody had defined by then. */
  #waiting: { block: Block; element: HTMLElement }[] = [];

  constructor(root: HTMLElement, options: ViewOptions = {}) {
    this.#root = root;
    this.#breaks = options.breaks ?? false;
  }

  /** Shows the text as it stands now. `done`: nothing more will come. A text that does not go on from the last one is shown afresh. */
  update(text: string, done: boolean): void {
    if (this.#finished && (text !== this.#seen || !done)) this.clear();
    if (!text.startsWith(this.#seen)) this.clear();
    if (this.#finished) return;
    if (text.length > this.#seen.length) this.#splitter.push(text.slice(this.#seen.length));
    this.#seen = text;
    if (done) this.#splitter.finish();
    this.#finished = done;
    this.#show();
  }

  clear(): void {
    this.#splitter = new Splitter();
    this.#seen = "";
    this.#blocks = 0;
    this.#tail = null;
    this.#finished = false;
    this.#waiting = [];
    this.#root.replaceChildren();
  }

  #show(): void {
    const { frozen, open } = this.#splitter.split();
    const fresh = document.createDocumentFragment();
    const before = this.#blocks;
    if (this.#tail && (before < frozen.length || !open || open.key !== this.#tail.key)) {
      this.#tail.element.remove();
      this.#tail = null;
    }
    while (this.#blocks < frozen.length) {
      const block = frozen[this.#blocks];
      this.#blocks += 1;
      if (block) fresh.append(this.#freeze(block));
    }
    if (this.#blocks > before) {
      const made = [...fresh.children];
      this.#root.append(fresh);
      for (const element of made) void fillIn(element);
      this.#lateReferences();
    }
    if (open) this.#open(open);
  }

  #element(): HTMLElement {
    const element = document.createElement("div");
    element.className = "md-block";
    element.dir = "auto";
    return element;
  }

  #freeze(block: Block): HTMLElement {
    const element = this.#element();
    const references = this.#splitter.references;
    this.#fill(element, block, references);
    if (
      block.kind !== "fence" &&
      block.kind !== "code" &&
      block.kind !== "long" &&
      calls(block.source).some((name) => !references.has(name))
    ) {
      this.#waiting.push({ block, element });
    }
    return element;
  }

  #fill(element: HTMLElement, block: Block, references: ReadonlyMap<string, Reference>): void {
    element.replaceChildren(render(block.source, block.kind, { references, breaks: this.#breaks }));
    dress(element);
  }

  /** References may be defined after their use: the blocks that waited for one are shown again, with the same text. */
  #lateReferences(): void {
    const references = this.#splitter.references;
    if (references.size === 0) return;
    this.#waiting = this.#waiting.filter(({ block, element }) => {
      const names = calls(block.source);
      if (!names.some((name) => references.has(name))) return true;
      this.#fill(element, block, references);
      void fillIn(element);
      return names.some((name) => !references.has(name));
    });
  }

  #open(block: Block): void {
    if (this.#tail === null) {
      const element = this.#element();
      element.classList.add("md-open");
      this.#tail = { key: block.key, element, text: null, shown: 0 };
      this.#root.append(element);
    }
    if (block.kind === "fence") this.#openCode(this.#tail, block.source);
    else if (block.source.length > LONG_TAIL || plain(block.source, block.kind))
      this.#openPlain(this.#tail, block.source);
    else {
      this.#tail.text = null;
      const source = remend(block.source, { inlineKatex: false, linkMode: "text-only", htmlTags: false });
      this.#tail.element.replaceChildren(
        render(source, block.kind, { references: this.#splitter.references, breaks: this.#breaks }),
      );
      dress(this.#tail.element);
    }
  }

  #openCode(tail: Tail, source: string): void {
    // Until its first line is over, nobody knows what language it is.
    if (!source.includes("\n")) return;
    const { text } = fenced(source);
    if (tail.text === null || !tail.element.querySelector("pre")) {
      tail.element.replaceChildren(render(source, "fence"));
      dress(tail.element);
      tail.text = document.createTextNode("");
      tail.element.querySelector("code")?.replaceChildren(tail.text);
      tail.shown = 0;
    }
    addText(tail, text);
  }

  #openPlain(tail: Tail, source: string): void {
    if (tail.text === null) {
      const element = document.createElement("p");
      element.className = "md-plain";
      element.dir = "auto";
      tail.text = document.createTextNode("");
      tail.shown = 0;
      element.append(tail.text);
      tail.element.replaceChildren(element);
    }
    addText(tail, source);
  }
}

function addText(tail: Tail, text: string): void {
  if (tail.text === null) return;
  if (text.length < tail.shown) tail.text.data = text;
  else if (text.length > tail.shown) tail.text.appendData(text.slice(tail.shown));
  tail.shown = text.length;
}

function calls(source: string): string[] {
  return [...source.matchAll(CALLS)].map((found) => label(found[1] ?? ""));
}
