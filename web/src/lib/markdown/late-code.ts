/** Colours code. A chunk of its own, loaded with the first code that names its language. */
import hljs from "highlight.js/lib/common";

/** Colours the text of `code` if the language is known; the text itself stays the same. */
export function highlight(code: HTMLElement, lang: string): void {
  if (!hljs.getLanguage(lang)) return;
  // The library escapes the text, so that its HTML holds nothing but spans with classes.
  code.innerHTML = hljs.highlight(code.textContent, { language: lang, ignoreIllegals: true }).value;
}
