/** Sets formulas. A chunk of its own, loaded with the first formula. */
import katex from "katex";
import rules from "katex/dist/katex.min.css?raw";

const fonts = import.meta.glob<string>("/node_modules/katex/dist/fonts/*.woff2", {
  query: "?url",
  import: "default",
  eager: true,
});

/**
 * The library's rules with the one font format that every browser of today reads: its own file would bring two more of
 * each font into the build.
 */
function withFonts(css: string): string {
  const byName = new Map(Object.entries(fonts).map(([path, url]) => [path.slice(path.lastIndexOf("/") + 1), url]));
  return css.replace(
    /src:url\(fonts\/([\w-]+\.woff2)\)[^;}]*/g,
    (_, name: string) => `src:url(${byName.get(name) ?? ""}) format("woff2")`,
  );
}

let styled = false;

function style(): void {
  if (styled) return;
  styled = true;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(withFonts(rules));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** Sets the formula whose source is the place's text. What cannot be set stays as its source, marked. */
export function typesetFormula(place: HTMLElement): void {
  style();
  const displayMode = place.classList.contains("md-math-display");
  katex.render(place.textContent, place, {
    displayMode,
    throwOnError: false,
    trust: false,
    strict: "ignore",
    maxExpand: 200,
    maxSize: 20,
  });
}
