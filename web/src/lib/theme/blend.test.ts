import { describe, expect, it } from "vitest";

import { mix, readable, tintText, tune } from "./blend";
import { contrast, css, oklch, type Rgb } from "./colour";
import { themeOf } from "./preference";
import { BACKGROUNDS, CODE, GOAL, PALETTES, TEXTS, prior, priorTokens, tokens, type Scheme, type Tokens } from "./tokens";

const STEPS = [0, 0.13, 0.5, 0.87, 1];
const GRID: Rgb[] = STEPS.flatMap((r) => STEPS.flatMap((g) => STEPS.map((b): Rgb => [r, g, b])));
const SCHEMES: Scheme[] = ["light", "dark", "contrast"];
const PLAIN = { brightness: 1, contrast: 1, gamma: 1 };
const TUNINGS = [0.7, 1, 1.3].flatMap((brightness) => [0.7, 1, 1.3].map((c) => ({ brightness, contrast: c, gamma: 1.4 }))).concat(PLAIN);

/** What a screen with 8 bits per channel shows. */
const shown = (colour: Rgb): Rgb => colour.map((v) => Math.round(v * 255) / 255) as unknown as Rgb;

function expectReadable(t: Tokens, scheme: Scheme): void {
  const goal = GOAL[scheme];
  const pairs: [Rgb, Rgb, string, number][] = [];
  const pair = (text: keyof Tokens, background: keyof Tokens, least = goal): unknown => pairs.push([t[text], t[background], `${text} on ${background}`, least]);
  for (const text of TEXTS) for (const background of ["bg", "surface", "raised", "sunken"] as const) pair(text, background);
  for (const soft of ["accent", "danger", "warn", "ok"] as const) {
    pair("fg", `${soft}-soft`);
    pair(soft, `${soft}-soft`);
  }
  pair("fg", "mark");
  for (const text of CODE) pair(text, "code-bg");
  pair("on-accent", "accent-bg");
  pair("on-accent", "accent-bg-hover");
  pair("on-danger", "danger-bg");
  pair("line-strong", "bg", 3);
  pair("focus", "bg", 3);
  for (const [text, background, what, least] of pairs) expect(contrast(shown(text), shown(background)), what).toBeGreaterThanOrEqual(least);
}

describe("mix", () => {
  it("gives the ends exactly and floats in between", () => {
    const [a, b]: Rgb[] = [[0.1, 0.2, 0.3], [0.9, 0.1, 0.4]];
    expect(mix(a!, b!, 0)).toBe(a);
    expect(mix(a!, b!, 1)).toBe(b);
    expect(mix(a!, b!, -3)).toBe(a);
    expect(mix(a!, b!, 7)).toBe(b);
    expect(mix(a!, b!, Number.NaN)).toBe(a);
    expect(mix(a!, b!, 1 / 3)[0]).toBeCloseTo(0.1 + 0.8 / 3, 14);
  });

  it("is not rounded: the smallest step of the amount moves the colour", () => {
    expect(mix([0, 0, 0], [1, 1, 1], 0.5)).not.toEqual(mix([0, 0, 0], [1, 1, 1], 0.5 + 1e-9));
    expect(css([1 / 3, 0, 0])).toBe("rgb(85 0 0)");
    expect(css([0.1001, 0, 0])).toMatch(/^rgb\(25\.525/);
  });
});

describe("readable", () => {
  it("reaches the contrast on every background of the grid and leaves readable text alone", () => {
    for (const background of GRID) {
      for (const text of GRID) {
        const out = readable(text, [background]);
        expect(contrast(shown(out), shown(background))).toBeGreaterThanOrEqual(4.5);
        if (Math.min(contrast(text, background), contrast(shown(text), shown(background))) >= 4.5) expect(out).toBe(text);
      }
    }
  });
});

describe("the tint of a prior session", () => {
  it("keeps 4.5:1 at any amount for a grid of colours", () => {
    for (const amount of [0.01, 0.5, 1, 9]) {
      for (const text of GRID) for (const background of GRID) {
        const out = tintText(text, [0.4, 0.3, 0.2], amount, [background]);
        expect(contrast(shown(out), shown(background))).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  for (const palette of PALETTES) for (const scheme of SCHEMES) {
    it(`${palette}, ${scheme}: 0 changes nothing, 1 is full, all readable`, () => {
      const plain = tokens(palette, scheme, PLAIN);
      const colours = prior(palette, scheme, PLAIN);
      const none = priorTokens(plain, colours, 0, scheme);
      expect(none).toEqual(plain);
      expect(priorTokens(plain, colours, 1, scheme).bg).toEqual(colours["prior-bg"]);
      for (let amount = 0; amount <= 1; amount += 0.05) expectReadable(priorTokens(plain, colours, amount, scheme), scheme);
      const [half, full] = [priorTokens(plain, colours, 0.5, scheme), priorTokens(plain, colours, 1, scheme)];
      for (const name of BACKGROUNDS.slice(0, 4)) expect(contrast(half[name], full[name])).toBeGreaterThanOrEqual(1);
      expect(half.bg).not.toEqual(plain.bg);
    });
  }
});

describe("the themes", () => {
  for (const palette of PALETTES) for (const scheme of SCHEMES) {
    it(`${palette}, ${scheme}: every pair is readable, whatever the sliders say`, () => {
      for (const tuning of TUNINGS) expectReadable(tokens(palette, scheme, tuning), scheme);
    });
  }

  it("sliders in the middle change nothing", () => {
    const colour = oklch(0.6, 0.1, 200);
    expect(tune(colour, PLAIN)).toBe(colour);
    expect(tune(colour, { ...PLAIN, brightness: 1.2 })[0]).toBeGreaterThan(colour[0]);
  });

  it("are read leniently", () => {
    expect(themeOf("nonsense").mode).toBe("system");
    const odd = themeOf({ mode: "neon", palette: "moss", palettes: { moss: { gamma: 99, contrast: "x" } } });
    expect(odd).toMatchObject({ mode: "system", palette: "moss", palettes: { moss: { gamma: 1.4, contrast: 1, prior_amount: 0.5 } } });
  });
});
