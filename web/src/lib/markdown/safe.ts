/**
 * What may stand in an answer: the one place that decides which addresses, tags and attributes get through.
 *
 * Knows: the allow-lists. Does not know: Markdown.
 */
import DOMPurify from "dompurify";

const LINK = /^(?:https?:\/\/|mailto:)/i;
const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|avif);base64,[a-z0-9+/=\s]+$/i;
const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** The text as HTML that shows it. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter);
}

/** The address if a person may be sent there, else "". */
export function safeLink(href: string): string {
  // Browsers skip white space and control characters when they read a scheme.
  const plain = href.replace(/[\u0000-\u0020\u007f-\u009f\u200b-\u200f\u2028\u2029\ufeff]/g, "");
  return LINK.test(plain) ? plain : "";
}

/** The address if it holds the picture itself, else "": nothing that an answer says makes the page ask another machine. */
export function safePicture(href: string): string {
  return PICTURE.test(href) ? href : "";
}

const WORDS = [
  "align",
  "alt",
  "aria-label",
  "class",
  "dir",
  "rel",
  "role",
  "scope",
  "start",
  "tabindex",
  "target",
  "title",
];

const ALLOWED = {
  ALLOWED_TAGS: [
    ...[
      "a",
      "blockquote",
      "br",
      "code",
      "del",
      "div",
      "em",
      "h3",
      "h4",
      "h5",
      "h6",
      "hr",
      "img",
      "li",
      "ol",
      "p",
      "pre",
      "span",
      "strong",
    ],
    ...["table", "tbody", "td", "th", "thead", "tr", "ul"],
  ],
  ALLOWED_ATTR: [...WORDS, "href", "src"],
  // The address rule below would else be applied to these too.
  ADD_URI_SAFE_ATTR: WORDS,
  ALLOW_DATA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:|data:image\/(?:png|jpeg|gif|webp|avif);base64,)/i,
  RETURN_DOM_FRAGMENT: true as const,
};

/** The second line of defence: HTML from the renderer as nodes, without anything that is not on the lists. */
export function sanitize(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, ALLOWED);
}
