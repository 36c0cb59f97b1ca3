/** How colours are tuned and tinted. Pure float arithmetic; text never falls below its contrast. */
import { contrast, luminance, type Rgb } from "./colour";

export const TEXT_CONTRAST = 4.5;
const clamp = (value: number): number => Math.min(1, Math.max(0, value));

/** From `a` (amount 0, exactly) to `b` (amount 1, exactly); the amount is clamped. */
export function mix(a: Rgb, b: Rgb, amount: number): Rgb {
  const t = clamp(Number.isFinite(amount) ? amount : 0);
  if (t === 0) return a;
  if (t === 1) return b;
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

const WHITE: Rgb = [1, 1, 1];
const BLACK: Rgb = [0, 0, 0];

/** What a screen with 8 bits per channel makes of a colour; for judging only, the colours themselves stay floats. */
const shown = (colour: Rgb): Rgb => [Math.round(colour[0] * 255) / 255, Math.round(colour[1] * 255) / 255, Math.round(colour[2] * 255) / 255];

/**
 * `text`, moved towards white or black just as far as every one of `backgrounds` needs; unchanged when it is readable
 * already. Backgrounds that no single colour can be read on get the better of black and white.
 */
export function readable(text: Rgb, backgrounds: readonly Rgb[], goal = TEXT_CONTRAST): Rgb {
  const seen = backgrounds.map(shown);
  const worst = (colour: Rgb): number =>
    Math.min(...backgrounds.map((background) => contrast(colour, background)), ...seen.map((background) => contrast(shown(colour), background)));
  if (worst(text) >= goal) return text;
  const end = worst(WHITE) >= worst(BLACK) ? WHITE : BLACK;
  if (worst(end) <= goal) return end;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 30; step += 1) {
    const middle = (low + high) / 2;
    if (worst(mix(text, end, middle)) >= goal) high = middle;
    else low = middle;
  }
  return mix(text, end, high);
}

export interface Tuning {
  /** 0.7 to 1.3; 1 changes nothing. */
  brightness: number;
  /** 0.7 to 1.3; 1 changes nothing. */
  contrast: number;
  /** 0.7 to 1.4; 1 changes nothing. */
  gamma: number;
}

/** A colour with the palette's sliders applied; all at 1 gives the identical colour. */
export function tune(colour: Rgb, tuning: Tuning): Rgb {
  if (tuning.brightness === 1 && tuning.contrast === 1 && tuning.gamma === 1) return colour;
  const channel = (v: number): number =>
    Math.pow(clamp((v - 0.5) * tuning.contrast + 0.5), 1 / tuning.gamma) * tuning.brightness;
  return [clamp(channel(colour[0])), clamp(channel(colour[1])), clamp(channel(colour[2]))];
}

/** A background of a prior session. */
export function tintBackground(background: Rgb, prior: Rgb, amount: number): Rgb {
  return mix(background, prior, amount);
}

/** A text colour of a prior session, on backgrounds that are tinted already. Amount 0 gives the identical colour. */
export function tintText(text: Rgb, tint: Rgb, amount: number, backgrounds: readonly Rgb[]): Rgb {
  const t = clamp(amount);
  if (t === 0) return text;
  // The tint keeps half of the text's own lightness, so that headings, words and comments stay apart.
  const own = luminance(text);
  const other = luminance(tint);
  const level = other === 0 ? 1 : Math.sqrt(Math.max(own, 0.02) / Math.max(other, 0.02));
  const aim: Rgb = [clamp(tint[0] * level), clamp(tint[1] * level), clamp(tint[2] * level)];
  return readable(mix(text, aim, t), backgrounds);
}
