/**
 * Splits Markdown that is still arriving into blocks.
 *
 * A block is a stretch of source that can be rendered without looking at what comes after it. It is frozen the moment a whole line shows
 * that it is over; from then on neither its text nor its key changes, so that only the last, open block has to be rendered again.
 * Decisions are made on whole lines and on lengths counted from a block's start, never on how the text was cut into pieces: any cutting of
 * a document gives the same blocks.
 *
 * Knows: where blocks begin and end. Does not know: what they look like.
 */

export type BlockKind = "text" | "heading" | "list" | "quote" | "code" | "fence" | "math" | "long";

export interface Block {
  /** Offset of the block in the text: unique, and never another one for the same stretch. */
  readonly key: number;
  readonly kind: BlockKind;
  readonly source: string;
}

export interface Split {
  /** Blocks that are over. The same array grows; what is in it never changes. */
  readonly frozen: readonly Block[];
  /** The block that may still grow, or null between two blocks. */
  readonly open: Block | null;
}

/** A line longer than this (UTF-16 code units) is shown as it is, in pieces of this length. */
export const LONG_LINE = 16_384;

interface Fence {
  readonly mark: string;
  readonly length: number;
}

const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const HEADING = /^ {0,3}#{1,6}(?:[ \t]|$)/;
const RULE = /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/;
const QUOTE = /^ {0,3}>/;
const ITEM = /^( {0,3})([*+-]|\d{1,9}[.)])(?:([ \t]+)|$)/;
const BLANK = /^[ \t]*$/;
const MATH = /^ {0,3}(?:\$\$(?!.*\$\$)|\\\[(?!.*\\\]))/;
const MATH_END = /(?:\$\$|\\\])[ \t]*$/;
const DEFINITION = /^ {0,3}\[((?:[^[\]\\]|\\.)+)\]:[ \t]*(\S+)(?:[ \t]+(?:"([^"]*)"|'([^']*)'|\(([^()]*)\)))?[ \t]*$/;

export interface Reference {
  readonly href: string;
  readonly title: string;
}

/** Says how a reference's label is compared: case and runs of white space do not count. */
export function label(text: string): string {
  return text.trim().replace(/\s+/g, " ").toLowerCase();
}

function indent(line: string): number {
  let columns = 0;
  for (const letter of line) {
    if (letter === " ") columns += 1;
    else if (letter === "\t") columns += 4 - (columns % 4);
    else break;
  }
  return columns;
}

/** True if this line ends a paragraph that it stands directly under. */
function interrupts(line: string): boolean {
  if (HEADING.test(line) || FENCE.test(line) || QUOTE.test(line) || MATH.test(line)) return true;
  const item = ITEM.exec(line);
  if (item) {
    const mark = item[2] ?? "";
    const empty = line.trim() === mark;
    return !empty && (mark.length === 1 || /^1[.)]$/.test(mark));
  }
  return RULE.test(line);
}

export class Splitter {
  readonly #frozen: Block[] = [];
  readonly #references = new Map<string, Reference>();
  /** Everything from the open block's start that is read as whole lines. */
  #lines = "";
  /** The last line, of which no end has come yet. */
  #rest = "";
  #start = 0;
  #kind: BlockKind | null = null;
  #fence: Fence | null = null;
  #blank = false;
  #itemIndent = 0;
  #cut = false;
  #carriage = false;
  #length = 0;

  /** Length of the text taken in so far, in UTF-16 code units as they came. */
  get length(): number {
    return this.#length;
  }

  /** Link references that whole blocks have defined; the first definition of a label counts. */
  get references(): ReadonlyMap<string, Reference> {
    return this.#references;
  }

  /** Takes in the next piece of the text. Amortised cost: the piece's length. */
  push(piece: string): void {
    this.#length += piece.length;
    let text = this.#carriage ? `\r${piece}` : piece;
    this.#carriage = text.endsWith("\r");
    if (this.#carriage) text = text.slice(0, -1);
    if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n");
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#rest += text.slice(from, end + 1);
      from = end + 1;
      this.#cutLong();
      this.#line(this.#rest);
      this.#rest = "";
    }
    this.#rest += text.slice(from);
    this.#cutLong();
  }

  /** Blocks as they stand. `open` is given with what half-finished line it has. */
  split(): Split {
    return { frozen: this.#frozen, open: this.#openBlock() };
  }

  /** The text is over: the open block is frozen as it stands. */
  finish(): Split {
    if (this.#carriage) {
      this.#carriage = false;
      this.#rest += "\n";
    }
    if (this.#rest) {
      this.#line(this.#rest);
      this.#rest = "";
    }
    this.#close();
    return this.split();
  }

  #openBlock(): Block | null {
    if (this.#kind === null) {
      if (BLANK.test(this.#rest)) return null;
      return {
        key: this.#start,
        kind: FENCE.test(this.#rest) ? "fence" : this.#cut ? "long" : "text",
        source: this.#rest,
      };
    }
    const source = this.#lines + (this.#kind === "fence" || !BLANK.test(this.#rest) ? this.#rest : "");
    return { key: this.#start, kind: this.#kind, source };
  }

  /** Freezes pieces of a line that is too long to be looked at as a whole. */
  #cutLong(): void {
    if (this.#rest.length <= LONG_LINE || this.#kind === "fence") return;
    this.#close();
    while (this.#rest.length > LONG_LINE) {
      const last = this.#rest.charCodeAt(LONG_LINE - 1);
      const at = last >= 0xd800 && last < 0xdc00 ? LONG_LINE - 1 : LONG_LINE;
      this.#freeze("long", this.#rest.slice(0, at));
      this.#rest = this.#rest.slice(at);
      this.#cut = true;
    }
  }

  #line(whole: string): void {
    const line = whole.endsWith("\n") ? whole.slice(0, -1) : whole;
    if (this.#cut) {
      this.#cut = false;
      this.#freeze("long", whole);
    } else if (this.#kind !== null && this.#goesOn(line)) {
      this.#take(whole, line);
    } else {
      this.#close();
      this.#begin(whole, line);
    }
  }

  #goesOn(line: string): boolean {
    switch (this.#kind) {
      case "fence":
        return true;
      case "math":
        return !BLANK.test(line);
      case "code":
        return BLANK.test(line) || indent(line) >= 4;
      case "list":
        return this.#listGoesOn(line);
      default:
        return !BLANK.test(line) && (this.#kind === "quote" ? this.#quoteGoesOn(line) : this.#textGoesOn(line));
    }
  }

  /** A row of dashes under a paragraph makes a heading of it; any other rule ends it. */
  #textGoesOn(line: string): boolean {
    return /^ {0,3}(?:-+|=+)[ \t]*$/.test(line) || !interrupts(line);
  }

  #quoteGoesOn(line: string): boolean {
    return QUOTE.test(line) || !interrupts(line);
  }

  #listGoesOn(line: string): boolean {
    if (BLANK.test(line)) return true;
    if (indent(line) >= this.#itemIndent) return true;
    if (RULE.test(line)) return false;
    if (ITEM.test(line)) return true;
    return !this.#blank && !interrupts(line);
  }

  #begin(whole: string, line: string): void {
    if (BLANK.test(line)) {
      this.#start += whole.length;
      return;
    }
    this.#kind = this.#kindOf(line);
    this.#take(whole, line);
    if (this.#kind === "heading") this.#close();
  }

  #kindOf(line: string): BlockKind {
    if (indent(line) >= 4) return "code";
    if (FENCE.test(line)) return "fence";
    if (HEADING.test(line) || RULE.test(line)) return "heading";
    if (QUOTE.test(line)) return "quote";
    if (ITEM.test(line)) return "list";
    return MATH.test(line) ? "math" : "text";
  }

  #take(whole: string, line: string): void {
    const first = this.#lines === "";
    this.#lines += whole;
    this.#blank = BLANK.test(line);
    if (this.#kind === "fence") this.#takeFence(line, first);
    else if (this.#kind === "list") this.#takeItem(line);
    else if (this.#kind === "math" && !first && MATH_END.test(line)) this.#close();
    else if (this.#kind === "text" && !first && /^ {0,3}(?:-+|=+)[ \t]*$/.test(line)) this.#close();
  }

  #takeFence(line: string, first: boolean): void {
    if (first) {
      const mark = FENCE.exec(line)?.[1] ?? "```";
      this.#fence = { mark: mark.charAt(0), length: mark.length };
      return;
    }
    const trimmed = line.trim();
    const fence = this.#fence;
    if (fence && indent(line) < 4 && trimmed.length >= fence.length && trimmed === fence.mark.repeat(trimmed.length))
      this.#close();
  }

  #takeItem(line: string): void {
    const item = ITEM.exec(line);
    if (!item || RULE.test(line)) return;
    const space = item[3] ?? " ";
    const width = indent(space) > 4 ? 1 : Math.max(1, indent(space));
    this.#itemIndent = (item[1] ?? "").length + (item[2] ?? "").length + width;
  }

  #close(): void {
    const kind = this.#kind;
    const source = this.#lines;
    this.#kind = null;
    this.#fence = null;
    this.#blank = false;
    this.#lines = "";
    if (kind === null || source === "") return;
    this.#freeze(kind, source);
    if (kind === "text") this.#define(source);
  }

  #freeze(kind: BlockKind, source: string): void {
    this.#frozen.push({ key: this.#start, kind, source });
    this.#start += source.length;
  }

  #define(source: string): void {
    for (const line of source.split("\n")) {
      const found = DEFINITION.exec(line);
      if (!found) continue;
      const name = label(found[1] ?? "");
      const href = (found[2] ?? "").replace(/^<(.*)>$/, "$1");
      if (!this.#references.has(name))
        this.#references.set(name, { href, title: found[3] ?? found[4] ?? found[5] ?? "" });
    }
  }
}

/** Splits a text that is there as a whole. */
export function splitWhole(text: string): Split {
  const splitter = new Splitter();
  splitter.push(text);
  return splitter.finish();
}
