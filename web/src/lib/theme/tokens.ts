/** The tokens of every theme: three palettes, each light, dark and in high contrast, with its prior-session colours. */
import { readable, tintBackground, tintText, tune, type Tuning } from "./blend";
import { oklch, type Rgb } from "./colour";

export const PALETTES = ["harbour", "paper", "moss"] as const;
export type PaletteName = (typeof PALETTES)[number];
export type Scheme = "light" | "dark" | "contrast";

export const PALETTE_TITLES: Record<PaletteName, string> = { harbour: "Harbour", paper: "Paper", moss: "Moss" };

/** Backgrounds that text stands on. */
export const BACKGROUNDS = ["bg", "surface", "raised", "sunken", "accent-soft", "danger-soft", "warn-soft", "ok-soft", "code-bg", "mark"] as const;
/** Text that may stand on any of the plain backgrounds (the first four). */
export const TEXTS = ["fg", "muted", "accent", "danger", "warn", "ok"] as const;
/** Text on code-bg. */
export const CODE = ["code-fg", "hl-comment", "hl-keyword", "hl-string", "hl-number", "hl-title", "hl-type", "hl-attr"] as const;
export type Token = (typeof BACKGROUNDS)[number] | (typeof TEXTS)[number] | (typeof CODE)[number] | "border" | "line-strong" | "focus" | "accent-bg" | "accent-bg-hover" | "on-accent" | "danger-bg" | "on-danger";
export type Tokens = Record<Token, Rgb>;

export interface Prior {
  "prior-bg": Rgb;
  "prior-tint": Rgb;
}

interface Palette {
  hue: number;
  /** Chroma of backgrounds and plain text. */
  grey: number;
  accent: number;
  accentChroma: number;
  /** Hue of a prior session's page: far enough from the palette's own to be told apart. */
  prior: number;
}

const SEEDS: Record<PaletteName, Palette> = {
  harbour: { hue: 262, grey: 0.008, accent: 264, accentChroma: 0.17, prior: 75 },
  paper: { hue: 80, grey: 0.012, accent: 38, accentChroma: 0.14, prior: 250 },
  moss: { hue: 160, grey: 0.009, accent: 158, accentChroma: 0.11, prior: 55 },
};

type Recipe = Record<Token, readonly [lightness: number, chroma: number, hue: number]>;

function light(p: Palette): Recipe {
  const grey = (l: number, k = 1) => [l, p.grey * k, p.hue] as const;
  return {
    bg: grey(0.992, 0.4), surface: grey(0.975, 0.6), raised: grey(1, 0), sunken: grey(0.955, 0.8), mark: [0.93, 0.11, 95],
    border: grey(0.905), "line-strong": grey(0.62, 1.6), focus: [0.55, p.accentChroma, p.accent],
    fg: grey(0.24, 1.6), muted: grey(0.5, 1.8), accent: [0.48, p.accentChroma, p.accent], "accent-soft": [0.945, p.accentChroma * 0.2, p.accent],
    "accent-bg": [0.5, p.accentChroma, p.accent], "accent-bg-hover": [0.45, p.accentChroma, p.accent], "on-accent": [1, 0, 0],
    danger: [0.5, 0.19, 27], "danger-soft": [0.95, 0.03, 22], "danger-bg": [0.53, 0.2, 27], "on-danger": [1, 0, 0],
    warn: [0.5, 0.11, 70], "warn-soft": [0.955, 0.05, 85], ok: [0.48, 0.12, 150], "ok-soft": [0.95, 0.04, 155],
    "code-bg": grey(0.965, 0.9), "code-fg": grey(0.3, 1.6), "hl-comment": grey(0.52, 2.2), "hl-keyword": [0.5, 0.19, 310],
    "hl-string": [0.47, 0.12, 150], "hl-number": [0.5, 0.13, 50], "hl-title": [0.47, 0.16, 260], "hl-type": [0.47, 0.1, 215], "hl-attr": [0.49, 0.12, 85],
  };
}

function dark(p: Palette): Recipe {
  const grey = (l: number, k = 1) => [l, p.grey * k, p.hue] as const;
  return {
    bg: grey(0.195, 1.2), surface: grey(0.225, 1.3), raised: grey(0.255, 1.4), sunken: grey(0.17, 1.1), mark: [0.42, 0.09, 90],
    border: grey(0.31, 1.5), "line-strong": grey(0.56, 1.6), focus: [0.72, p.accentChroma * 0.9, p.accent],
    fg: grey(0.925, 0.7), muted: grey(0.72, 1.3), accent: [0.77, p.accentChroma * 0.75, p.accent], "accent-soft": [0.3, p.accentChroma * 0.35, p.accent],
    "accent-bg": [0.52, p.accentChroma * 0.95, p.accent], "accent-bg-hover": [0.48, p.accentChroma * 0.95, p.accent], "on-accent": [1, 0, 0],
    danger: [0.76, 0.13, 25], "danger-soft": [0.29, 0.06, 22], "danger-bg": [0.53, 0.18, 27], "on-danger": [1, 0, 0],
    warn: [0.82, 0.12, 85], "warn-soft": [0.3, 0.045, 80], ok: [0.79, 0.13, 155], "ok-soft": [0.28, 0.04, 155],
    "code-bg": grey(0.165, 1.1), "code-fg": grey(0.9, 0.8), "hl-comment": grey(0.64, 1.6), "hl-keyword": [0.78, 0.12, 310],
    "hl-string": [0.81, 0.11, 150], "hl-number": [0.82, 0.1, 60], "hl-title": [0.79, 0.1, 255], "hl-type": [0.82, 0.08, 205], "hl-attr": [0.84, 0.1, 95],
  };
}

function high(p: Palette): Recipe {
  const white = [1, 0, 0] as const;
  const black = [0, 0, 0] as const;
  return {
    bg: black, surface: black, raised: [0.12, 0, 0], sunken: [0.2, 0, 0], mark: [0.4, 0.12, 95],
    border: [0.75, 0, 0], "line-strong": white, focus: [0.88, 0.18, 95],
    fg: white, muted: [0.92, 0, 0], accent: [0.86, 0.12, p.accent], "accent-soft": [0.24, 0.08, p.accent],
    "accent-bg": [0.88, 0.12, p.accent], "accent-bg-hover": [0.94, 0.06, p.accent], "on-accent": black,
    danger: [0.82, 0.13, 25], "danger-soft": [0.22, 0.07, 25], "danger-bg": [0.82, 0.13, 25], "on-danger": black,
    warn: [0.88, 0.15, 90], "warn-soft": [0.24, 0.05, 85], ok: [0.86, 0.17, 150], "ok-soft": [0.22, 0.05, 150],
    "code-bg": black, "code-fg": white, "hl-comment": [0.86, 0.03, 110], "hl-keyword": [0.86, 0.1, 310],
    "hl-string": [0.9, 0.14, 150], "hl-number": [0.88, 0.11, 60], "hl-title": [0.87, 0.09, 255], "hl-type": [0.9, 0.09, 205], "hl-attr": [0.92, 0.14, 95],
  };
}

const RECIPES = { light, dark, contrast: high };
const PLAIN = ["bg", "surface", "raised", "sunken"] as const;

/** Contrast that text must have in a scheme. */
export const GOAL: Record<Scheme, number> = { light: 4.5, dark: 4.5, contrast: 7 };

/** All tokens of a palette in a scheme, with its sliders applied and every text still readable. */
export function tokens(palette: PaletteName, scheme: Scheme, tuning: Tuning): Tokens {
  const recipe = RECIPES[scheme](SEEDS[palette]);
  const out = Object.fromEntries(Object.entries(recipe).map(([name, lch]) => [name, tune(oklch(...lch), tuning)])) as Tokens;
  return legible(out, scheme);
}

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [1, 1, 1];
/** More than the goal between a background and the end of the scale, so that text has somewhere to go. */
const ROOM = 1;

/** The `wanted` tokens with texts that can be read on its own backgrounds; what can be read already stays the identical colour. */
function legible(wanted: Tokens, scheme: Scheme): Tokens {
  const goal = GOAL[scheme];
  const out: Tokens = { ...wanted };
  for (const name of BACKGROUNDS) out[name] = readable(wanted[name], [scheme === "light" ? BLACK : WHITE], goal + ROOM);
  const plain = PLAIN.map((name) => out[name]);
  const next: Tokens = { ...out };
  for (const name of TEXTS) {
    const soft = name === "fg" ? [out["accent-soft"], out["danger-soft"], out["warn-soft"], out["ok-soft"], out.mark] : softOf(out, name);
    next[name] = readable(wanted[name], [...plain, ...soft], goal);
  }
  for (const name of CODE) next[name] = readable(wanted[name], [out["code-bg"]], goal);
  // A button's words keep their colour, and its face gives way.
  next["accent-bg"] = readable(wanted["accent-bg"], [out["on-accent"]], goal);
  next["accent-bg-hover"] = readable(wanted["accent-bg-hover"], [out["on-accent"]], goal);
  next["danger-bg"] = readable(wanted["danger-bg"], [out["on-danger"]], goal);
  next["line-strong"] = readable(wanted["line-strong"], plain, 3);
  next.focus = readable(wanted.focus, plain, 3);
  return next;
}

function softOf(out: Tokens, name: (typeof TEXTS)[number]): Rgb[] {
  return name === "fg" || name === "muted" ? [] : [out[`${name}-soft`]];
}

/** A palette's prior-session colours: the page that every background goes to, the colour that texts lean to. */
export function prior(palette: PaletteName, scheme: Scheme, tuning: Tuning): Prior {
  const hue = SEEDS[palette].prior;
  const [bg, tint] = {
    light: [oklch(0.93, 0.035, hue), oklch(0.4, 0.06, hue)],
    dark: [oklch(0.25, 0.035, hue), oklch(0.82, 0.06, hue)],
    contrast: [oklch(0.2, 0.05, hue), oklch(0.95, 0.09, hue)],
  }[scheme] as [Rgb, Rgb];
  return { "prior-bg": tune(bg, tuning), "prior-tint": tune(tint, tuning) };
}

/** The tokens inside a prior session. Amount 0 gives the identical colours, 1 all of the tint; texts stay readable. */
export function priorTokens(live: Tokens, colours: Prior, amount: number, scheme: Scheme): Tokens {
  if (amount <= 0) return live;
  const out: Tokens = { ...live };
  // A background keeps its distance from the page, so that a code block is still a block.
  for (const name of BACKGROUNDS) out[name] = tintBackground(live[name], shifted(colours["prior-bg"], live.bg, live[name]), amount);
  for (const name of ["border", "line-strong"] as const) out[name] = tintBackground(live[name], shifted(colours["prior-bg"], live.bg, live[name]), amount);
  for (const name of [...TEXTS, ...CODE]) out[name] = tintText(live[name], colours["prior-tint"], amount * 0.75, [out.bg]);
  return legible(out, scheme);
}

function shifted(page: Rgb, from: Rgb, to: Rgb): Rgb {
  const at = (index: 0 | 1 | 2): number => Math.min(1, Math.max(0, page[index] + (to[index] - from[index]) * 0.8));
  return [at(0), at(1), at(2)];
}
