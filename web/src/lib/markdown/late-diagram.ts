/**
 * Shows diagrams, which a frame of their own draws. A chunk of its own; both are loaded with the first diagram.
 *
 * The drawing is shown as a picture, not as part of the page: a picture runs no scripts and loads nothing, whatever the source says.
 */
import type { Drawn, Wanted } from "../../diagram/messages";

const FRAME = "/diagram.html";
const PATIENCE_MS = 20_000;

const waiting = new Map<number, (drawn: string) => void>();
let count = 0;
let ready: Promise<Window> | null = null;

function open(): Promise<Window> {
  const frame = document.createElement("iframe");
  frame.src = FRAME;
  frame.title = "Diagrams are drawn here";
  frame.tabIndex = -1;
  frame.ariaHidden = "true";
  // It measures its texts, so it must be laid out; nobody shall see it, or come into it by Tab.
  Object.assign(frame.style, { position: "fixed", left: "-9999px", top: "0", width: "1200px", height: "800px", visibility: "hidden", border: "0" });
  const opened = new Promise<Window>((resolve, reject) => {
    const late = setTimeout(() => {
      ready = null; // the next diagram tries again
      frame.remove();
      reject(new Error("The frame that draws diagrams did not open."));
    }, PATIENCE_MS);
    addEventListener("message", (event: MessageEvent<"ready" | Drawn>) => {
      if (event.source === null || event.source !== frame.contentWindow || event.origin !== location.origin) return;
      if (event.data === "ready") {
        clearTimeout(late);
        resolve(frame.contentWindow);
      } else {
        waiting.get(event.data.id)?.(event.data.drawn);
        waiting.delete(event.data.id);
      }
    });
  });
  document.body.append(frame);
  return opened;
}

async function draw(source: string): Promise<string> {
  ready ??= open();
  const frame = await ready;
  count += 1;
  const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
  const wanted: Wanted = { id: count, source, theme: dark ? "dark" : "neutral" };
  return new Promise((resolve) => {
    waiting.set(wanted.id, resolve);
    frame.postMessage(wanted, location.origin);
  });
}

/** Puts the drawing over its source, which stays below it to be opened. A source that cannot be drawn stays as it is. */
export async function drawDiagram(pre: HTMLPreElement): Promise<void> {
  const source = pre.textContent;
  const drawn = await draw(source);
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
