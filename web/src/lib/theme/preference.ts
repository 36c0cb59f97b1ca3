/** The theme as a person set it: read leniently, whatever an older page or a hand has written. */
import type { PaletteTuning, ThemeMode, ThemePreference } from "$lib/api/records";

import { PALETTES, type PaletteName } from "./tokens";

export const LIMITS = {
  brightness: { min: 0.7, max: 1.3, plain: 1 },
  contrast: { min: 0.7, max: 1.3, plain: 1 },
  gamma: { min: 0.7, max: 1.4, plain: 1 },
  prior_amount: { min: 0, max: 1, plain: 0.5 },
} as const;
export type Knob = keyof typeof LIMITS;
export const KNOBS = Object.keys(LIMITS) as Knob[];
export const MODES: readonly ThemeMode[] = ["system", "light", "dark", "contrast"];

export interface Theme {
  mode: ThemeMode;
  palette: PaletteName;
  palettes: Record<PaletteName, PaletteTuning>;
}

function tuningOf(value: unknown): PaletteTuning {
  const given = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const knob = (name: Knob): number => {
    const { min, max, plain } = LIMITS[name];
    const number = given[name];
    return typeof number === "number" && Number.isFinite(number) ? Math.min(max, Math.max(min, number)) : plain;
  };
  return { brightness: knob("brightness"), contrast: knob("contrast"), gamma: knob("gamma"), prior_amount: knob("prior_amount") };
}

/** A whole theme from anything: what is missing or strange is as it comes out of the box. */
export function themeOf(value: unknown): Theme {
  const given = (typeof value === "object" && value !== null ? value : {}) as Partial<Record<keyof ThemePreference, unknown>>;
  const palettes = (typeof given.palettes === "object" && given.palettes !== null ? given.palettes : {}) as Record<string, unknown>;
  return {
    mode: MODES.find((mode) => mode === given.mode) ?? "system",
    palette: PALETTES.find((name) => name === given.palette) ?? PALETTES[0],
    palettes: Object.fromEntries(PALETTES.map((name) => [name, tuningOf(palettes[name])])) as Theme["palettes"],
  };
}
