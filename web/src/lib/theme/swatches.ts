/** A palette in a few colours, to choose it by. */
import { css } from "./colour";
import type { Tuning } from "./blend";
import { prior, tokens, type PaletteName, type Scheme } from "./tokens";

/** CSS colours: page, accent, text, an earlier session's page. */
export function swatches(palette: PaletteName, scheme: Scheme, tuning: Tuning): string[] {
  const all = tokens(palette, scheme, tuning);
  return [all.sunken, all["accent-bg"], all.fg, prior(palette, scheme, tuning)["prior-bg"]].map(css);
}
