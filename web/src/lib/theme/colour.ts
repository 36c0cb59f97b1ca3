/** Colours as floats: OKLCH in, sRGB 0 to 1 out, WCAG contrast. Nothing is rounded before `css`. */

/** Red, green, blue from 0 to 1, gamma-coded sRGB. */
export type Rgb = readonly [number, number, number];

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

const encode = (x: number): number => (x <= 0.0031308 ? 12.92 * x : 1.055 * Math.pow(x, 1 / 2.4) - 0.055);
const decode = (v: number): number => (v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));

function linear(lightness: number, chroma: number, hue: number): Rgb {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

const inside = (rgb: Rgb): boolean => rgb.every((v) => v >= -1e-6 && v <= 1 + 1e-6);

/** A colour by lightness (0 to 1), chroma (0 to about 0.37) and hue (degrees); chroma is cut to what sRGB can show. */
export function oklch(lightness: number, chroma: number, hue: number): Rgb {
  let low = 0;
  let high = chroma;
  if (!inside(linear(lightness, chroma, hue))) {
    for (let step = 0; step < 24; step += 1) {
      const middle = (low + high) / 2;
      if (inside(linear(lightness, middle, hue))) low = middle;
      else high = middle;
    }
    high = low;
  }
  const [r, g, b] = linear(lightness, high, hue);
  return [clamp(encode(r)), clamp(encode(g)), clamp(encode(b))];
}

/** Relative luminance as WCAG defines it. */
export function luminance([r, g, b]: Rgb): number {
  return 0.2126 * decode(r) + 0.7152 * decode(g) + 0.0722 * decode(b);
}

/** Contrast of two colours, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** As CSS, in floats: the browser rounds, nobody else. */
export function css([r, g, b]: Rgb): string {
  return `rgb(${r * 255} ${g * 255} ${b * 255})`;
}
