/**
 * Draws diagrams. A chunk of its own, loaded with the first one.
 *
 * The drawing is shown as a picture, not as part of the page: a picture runs no scripts and loads nothing, whatever the source says.
 */
import mermaid from "mermaid";

// Mermaid takes such attributes away as well, but the browser complains of a handler as soon as it parses one.
const WITH_ATTRIBUTES = /<([a-z][\w-]*)[\s/][^<>]*=[^<>]*>/gi;

let count = 0;
let theme = "";

function prepare(): void {
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  const wanted = dark ? "dark" : "neutral";
  if (wanted === theme) return;
  theme = wanted;
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: "strict",
    suppressErrorRendering: true,
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    maxTextSize: 20_000,
    theme: wanted,
    fontFamily: "sans-serif",
  });
}

/** Puts the drawing over its source, which stays below it to be opened. A source that cannot be drawn stays as it is. */
export async function drawDiagram(pre: HTMLPreElement): Promise<void> {
  prepare();
  const source = pre.textContent;
  count += 1;
  const drawn = await mermaid.render(`md-diagram-${count}`, source.replace(WITH_ATTRIBUTES, "<$1>")).then(
    (made) => made.svg,
    () => "",
  );
  const figure = pre.closest(".md-code");
  if (!drawn || !figure) return;
  const picture = document.createElement("img");
  picture.className = "md-diagram";
  picture.alt = `Diagram: ${source.slice(0, 200)}`;
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn)}`;
  const width = /viewBox="\S+ \S+ ([\d.]+)/.exec(drawn)?.[1];
  if (width) picture.style.width = `${Math.ceil(Number(width)) + 16}px`;
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Source";
  figure.replaceWith(picture, details);
  details.append(summary, figure);
}
