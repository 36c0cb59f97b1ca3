/**
 * Fills in what is loaded only when an answer has it: colours of code, formulas, diagrams.
 *
 * Knows: which places wait for what. Does not know: the libraries themselves, which lie in chunks of their own.
 */
import { language } from "./codeblock";

/** Longer code (UTF-16 code units) stays without colours. */
const LONG_CODE = 100_000;
const MAX_TEX = 5_000;

/** Fills in under the root. Parts that are gone by then are left alone; without a chunk the source stays readable. */
export async function fillIn(root: ParentNode): Promise<void> {
  const diagrams: HTMLPreElement[] = [];
  const codes: HTMLPreElement[] = [];
  for (const pre of root.querySelectorAll("pre")) {
    if (pre.dataset.late) continue;
    const lang = language(pre).toLowerCase();
    if (!lang || pre.textContent.length > LONG_CODE) continue;
    pre.dataset.late = "yes";
    (lang === "mermaid" ? diagrams : codes).push(pre);
  }
  const formulas = [...root.querySelectorAll<HTMLElement>(".md-math:not([data-late])")].filter(
    (place) => place.textContent.length <= MAX_TEX,
  );
  for (const place of formulas) place.dataset.late = "yes";
  await Promise.allSettled([colour(codes), typeset(formulas), draw(diagrams)]);
}

async function colour(places: readonly HTMLPreElement[]): Promise<void> {
  if (places.length === 0) return;
  const { highlight } = await import("./late-code");
  for (const pre of places) {
    const code = pre.querySelector("code");
    if (code) highlight(code, language(pre));
  }
}

async function typeset(places: readonly HTMLElement[]): Promise<void> {
  if (places.length === 0) return;
  const { typesetFormula } = await import("./late-math");
  for (const place of places) typesetFormula(place);
}

async function draw(places: readonly HTMLPreElement[]): Promise<void> {
  if (places.length === 0) return;
  const { drawDiagram } = await import("./late-diagram");
  for (const pre of places) await drawDiagram(pre);
}
