/** The theme in use: drawn as CSS variables on the root, kept by the server, and here for the next first paint. */
import { api, asApiError } from "$lib/api/http";
import { live } from "$lib/api/live.svelte";
import type { Preferences, ThemeMode } from "$lib/api/records";
import { toast } from "$lib/shell/toasts.svelte";

import { css } from "./colour";
import { themeOf, type Knob, type Theme } from "./preference";
import { prior, priorTokens, tokens, type PaletteName, type Scheme } from "./tokens";

const STORED = "hostler.theme";
const SAVE_MS = 400;

function stored(): Theme {
  try {
    return themeOf(JSON.parse(localStorage.getItem(STORED) ?? "null"));
  } catch {
    // Forbidden by the browser, or written by somebody else: the server tells the theme in a moment.
    return themeOf(null);
  }
}

class ThemeStore {
  value = $state.raw<Theme>(themeOf(null));
  scheme = $state<Scheme>("light");
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How often somebody chose something here. */
  #changes = 0;

  /** Draw what this browser remembers; before anything is mounted. */
  begin(): void {
    this.value = stored();
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
      matchMedia(query).addEventListener("change", () => this.#draw());
    }
    this.#draw();
  }

  /** Take the server's word, now and whenever another tab changes it; returns how to stop. */
  follow(): () => void {
    void this.#load();
    return live.on("preferences.changed", (event) => {
      if (event.data.keys.includes("theme") && this.#timer === undefined) void this.#load();
    });
  }

  setMode(mode: ThemeMode): void {
    this.#set({ ...this.value, mode });
  }

  setPalette(palette: PaletteName): void {
    this.#set({ ...this.value, palette });
  }

  /** Turn one of the current palette's knobs. */
  setKnob(knob: Knob, amount: number): void {
    const { palette, palettes } = this.value;
    this.#set({ ...this.value, palettes: { ...palettes, [palette]: { ...palettes[palette], [knob]: amount } } });
  }

  /** The current palette as it came. */
  reset(): void {
    const { palette, palettes } = this.value;
    this.#set({ ...this.value, palettes: { ...palettes, [palette]: themeOf(null).palettes[palette] } });
  }

  async #load(): Promise<void> {
    const asked = this.#changes;
    try {
      const { preferences } = await api.get<{ preferences: Preferences }>("/preferences");
      // An answer from before somebody chose here is old news.
      if (preferences.theme && this.#timer === undefined && asked === this.#changes) this.#take(themeOf(preferences.theme));
    } catch {
      // Without the server the remembered theme stands; the banner says that the server is away.
    }
  }

  #set(theme: Theme): void {
    this.#take(theme);
    this.#changes += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#save(), SAVE_MS);
  }

  async #save(): Promise<void> {
    const saved = this.#changes;
    try {
      await api.patch("/preferences", { theme: this.value });
    } catch (error) {
      toast.error(asApiError(error), "The theme is kept in this browser only.");
    } finally {
      // What was chosen while this was on its way still waits to be saved.
      if (saved === this.#changes) this.#timer = undefined;
    }
  }

  #take(theme: Theme): void {
    this.value = theme;
    try {
      localStorage.setItem(STORED, JSON.stringify(theme));
    } catch {
      // A browser that keeps nothing still shows the theme.
    }
    this.#draw();
  }

  #draw(): void {
    this.scheme = schemeOf(this.value.mode);
    draw(document.documentElement, this.value, this.scheme);
  }
}

function schemeOf(mode: ThemeMode): Scheme {
  if (mode !== "system") return mode;
  if (matchMedia("(prefers-contrast: more)").matches) return "contrast";
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function draw(root: HTMLElement, theme: Theme, scheme: Scheme): void {
  const tuning = theme.palettes[theme.palette];
  const plain = tokens(theme.palette, scheme, tuning);
  const colours = prior(theme.palette, scheme, tuning);
  const old = priorTokens(plain, colours, tuning.prior_amount, scheme);
  for (const [name, colour] of Object.entries(plain)) root.style.setProperty(`--${name}`, css(colour));
  for (const [name, colour] of Object.entries(old)) root.style.setProperty(`--old-${name}`, css(colour));
  root.style.setProperty("--prior-bg", css(colours["prior-bg"]));
  root.style.setProperty("--prior-tint", css(colours["prior-tint"]));
  root.style.setProperty("--prior-amount", String(tuning.prior_amount));
  root.dataset["scheme"] = scheme;
  root.style.colorScheme = scheme === "light" ? "light" : "dark";
}

export const theme = new ThemeStore();
