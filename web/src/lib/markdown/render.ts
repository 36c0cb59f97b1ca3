/**
 * Renders one block of Markdown to nodes.
 *
 * A model's HTML is text here, never markup. Formulas and diagrams are left as marked places that `late.ts` fills in.
 *
 * Knows: how each construct looks. Does not know: streaming, where blocks begin, clipboard, what is loaded later.
 */
import { Lexer, Marked, Parser, type TokenizerAndRendererExtension, type Tokens } from "marked";
import type { BlockKind, Reference } from "./blocks";
import { escape, safeLink, safePicture, sanitize } from "./safe";

/** More than this (UTF-16 code units) in a block, and it is shown as it came. */
export const LONG_BLOCK = 65_536;

export interface RenderOptions {
  readonly references?: ReadonlyMap<string, Reference>;
  /** Single line ends break the line: for what people type. */
  readonly breaks?: boolean;
}

/** Depth of lists and quotes after which a block is shown as it came: the parser works by recursion. */
const DEEP = /^(?:[ \t]*(?:>|[*+-](?=[ \t])|\d{1,9}[.)](?=[ \t]))){16}|^[ \t]{64}/m;
/** More openings than this in one paragraph are no formatting, and the parser's time grows with their square. */
const MANY_OPENINGS = 2_000;

const MATH_BLOCK = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/;
const MATH_INLINE =
  /^(?:\$\$([^$\n]+?)\$\$|\\\(([^\n]+?)\\\)|\\\[([^\n]+?)\\\]|\$([^\s$](?:[^$\n]*[^\s$])?)\$(?![\d\p{L}]))/u;

interface MathToken extends Tokens.Generic {
  tex: string;
  display: boolean;
}

function mathPlace(token: Tokens.Generic): string {
  const { tex, display } = token as MathToken;
  return `<span class="md-math${display ? " md-math-display" : ""}" dir="ltr">${escape(tex)}</span>`;
}

const mathBlock: TokenizerAndRendererExtension = {
  name: "mathBlock",
  level: "block",
  start: (source) => /^ {0,3}(?:\$\$|\\\[)/m.exec(source)?.index,
  tokenizer(source) {
    const found = MATH_BLOCK.exec(source);
    if (!found) return undefined;
    return { type: "mathBlock", raw: found[0], tex: (found[1] ?? found[2] ?? "").trim(), display: true };
  },
  renderer: (token) => `<p>${mathPlace(token)}</p>`,
};

const mathInline: TokenizerAndRendererExtension = {
  name: "mathInline",
  level: "inline",
  start: (source) => /\$|\\[([]/.exec(source)?.index,
  tokenizer(source) {
    const found = MATH_INLINE.exec(source);
    if (!found) return undefined;
    const tex = found[1] ?? found[2] ?? found[3] ?? found[4] ?? "";
    return { type: "mathInline", raw: found[0], tex, display: found[1] !== undefined || found[3] !== undefined };
  },
  renderer: mathPlace,
};

function code(text: string, lang: string | undefined): string {
  const name = /^[\w+#.-]{1,30}/.exec(lang ?? "")?.[0] ?? "";
  return `<pre dir="ltr"${name ? ` class="language-${name}"` : ""}><code>${escape(text)}</code></pre>`;
}

function anchor(href: string, title: string | null | undefined, inner: string, kind = ""): string {
  const note = title ? ` title="${escape(title)}"` : "";
  return `<a href="${escape(href)}" rel="noopener noreferrer" target="_blank"${kind ? ` class="${kind}"` : ""}${note}>${inner}</a>`;
}

function image({ href, title, text }: Tokens.Image): string {
  const picture = safePicture(href);
  if (picture) return `<img src="${escape(picture)}" alt="${escape(text)}"${title ? ` title="${escape(title)}"` : ""}>`;
  const link = safeLink(href);
  return link
    ? anchor(
        link,
        title ?? "A picture elsewhere: nothing is loaded until you open it",
        escape(text || link),
        "md-picture",
      )
    : escape(text);
}

const marked = new Marked({ gfm: true, async: false });
marked.use({
  extensions: [mathBlock, mathInline],
  tokenizer: {
    html: () => undefined,
    tag(source) {
      const found = /^<br[ \t]*\/?>/i.exec(source);
      // Tables have no other way to break a line, so models write this one tag.
      return found ? ({ type: "br", raw: found[0] } as unknown as Tokens.Tag) : undefined;
    },
  },
  renderer: {
    code: ({ text, lang }) => code(text, lang),
    heading({ tokens, depth }) {
      // The page has h1 and h2 itself.
      return `<h${Math.min(depth + 2, 6)} class="md-h${depth}" dir="auto">${this.parser.parseInline(tokens)}</h${Math.min(depth + 2, 6)}>`;
    },
    paragraph({ tokens }) {
      return `<p dir="auto">${this.parser.parseInline(tokens)}</p>`;
    },
    listitem(item) {
      return `<li dir="auto"${item.task ? ' class="md-task"' : ""}>${this.parser.parse(item.tokens)}</li>`;
    },
    checkbox: ({ checked }) =>
      `<span class="md-check" role="img" aria-label="${checked ? "done" : "not done"}">${checked ? "☑" : "☐"}</span> `,
    html: ({ text }) => escape(text),
    link({ href, title, tokens }) {
      const inner = this.parser.parseInline(tokens);
      const link = safeLink(href);
      return link ? anchor(link, title, inner) : inner;
    },
    image,
    table({ header, rows }) {
      const head = header.map((cell) => this.tablecell(cell)).join("");
      const body = rows.map((row) => `<tr>${row.map((cell) => this.tablecell(cell)).join("")}</tr>`).join("");
      return `<div class="md-table" role="region" aria-label="Table" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
    },
    tablecell({ header, tokens, align }) {
      const tag = header ? "th" : "td";
      return `<${tag} dir="auto"${header ? ' scope="col"' : ""}${align ? ` align="${align}"` : ""}>${this.parser.parseInline(tokens)}</${tag}>`;
    },
  },
});

/** True if the source is to be shown as it came: too long or too deep to be worth reading as Markdown. */
export function plain(source: string, kind: BlockKind): boolean {
  if (kind === "long" || source.length > LONG_BLOCK) return true;
  if (kind === "fence" || kind === "code") return false;
  return DEEP.test(source) || openings(source) > MANY_OPENINGS;
}

function openings(source: string): number {
  let count = 0;
  for (let at = 0; at < source.length; at += 1) {
    const letter = source.charCodeAt(at);
    // ! [ * _ ~ < $ \ and the backtick
    if (
      letter === 91 ||
      letter === 42 ||
      letter === 95 ||
      letter === 126 ||
      letter === 60 ||
      letter === 36 ||
      letter === 96
    )
      count += 1;
  }
  return count;
}

/** One block as HTML; only for `render` and its tests. Escaped, but not yet sanitised. */
export function toHtml(source: string, options: RenderOptions = {}): string {
  const settings = { ...marked.defaults, breaks: options.breaks ?? false };
  const lexer = new Lexer(settings);
  for (const [name, { href, title }] of options.references ?? []) lexer.tokens.links[name] = { href, title };
  return Parser.parse(lexer.lex(source), settings);
}

const FENCED = /^( {0,3})(`{3,}|~{3,})[ \t]*([^\n]*)(\n?)/;

export interface Fenced {
  readonly lang: string;
  readonly text: string;
}

/** What a fence's source holds. Whatever could still become its last line is left out. */
export function fenced(source: string): Fenced {
  const head = FENCED.exec(source);
  if (!head) return { lang: "", text: source };
  const mark = head[2] ?? "";
  let text = source.slice(head[0].length).replace(/\n+$/, (ends) => (ends.length > 1 ? ends : ""));
  const last = text.slice(text.lastIndexOf("\n") + 1).trim();
  if (last !== "" && last === mark.charAt(0).repeat(last.length))
    text = text.slice(0, Math.max(0, text.lastIndexOf("\n")));
  const shift = head[1]?.length ?? 0;
  if (shift > 0) text = text.replace(new RegExp(`^ {1,${shift}}`, "gm"), "");
  return { lang: (head[4] ? head[3] : "")?.trim() ?? "", text };
}

/** One block as safe nodes. */
export function render(source: string, kind: BlockKind, options: RenderOptions = {}): DocumentFragment {
  if (kind === "fence") {
    const { lang, text } = fenced(source);
    return sanitize(code(text, lang));
  }
  if (plain(source, kind)) {
    const fragment = document.createDocumentFragment();
    const element = document.createElement("p");
    element.className = "md-plain";
    element.dir = "auto";
    element.textContent = source;
    fragment.append(element);
    return fragment;
  }
  return sanitize(toHtml(source, options));
}
