/**
 * Draws diagrams for the page around it. Mermaid writes styles into the document that it measures in; this one has
 * nothing else in it, so it may, and the page need not allow it.
 *
 * Knows: Mermaid. Does not know: where drawings are shown.
 */
import mermaid from "mermaid";

import type { Drawn, Wanted } from "./messages";

// Mermaid takes such attributes away as well, but the browser complains of a handler as soon as it parses one.
const WITH_ATTRIBUTES = /<([a-z][\w-]*)[\s/][^<>]*=[^<>]*>/gi;

let theme = "";

function prepare(wanted: Wanted["theme"]): void {
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

async function draw({ id, source, theme }: Wanted): Promise<Drawn> {
  prepare(theme);
  const drawn = await mermaid.render(`md-diagram-${id}`, source.replace(WITH_ATTRIBUTES, "<$1>")).then(
    (made) => made.svg,
    () => "",
  );
  return { id, drawn };
}

// Mermaid draws one at a time: each waits for the one before.
let turn = Promise.resolve();

addEventListener("message", (event: MessageEvent<Wanted>) => {
  if (event.source !== parent || event.origin !== location.origin) return;
  turn = turn.then(async () => parent.postMessage(await draw(event.data), location.origin));
});
parent.postMessage("ready", location.origin);
