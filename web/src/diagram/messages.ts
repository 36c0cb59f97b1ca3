/** What the page and the frame that draws its diagrams tell each other. The frame says "ready" first. */

/** A diagram to draw. */
export interface Wanted {
  id: number;
  source: string;
  theme: "dark" | "neutral";
}

/** The drawing as SVG, "" for a source that cannot be drawn. */
export interface Drawn {
  id: number;
  drawn: string;
}
