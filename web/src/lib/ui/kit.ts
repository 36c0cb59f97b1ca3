/** The kit's own types. */
import type { IconName } from "./icons";

export type MenuEntry =
  | "-"
  | { title: string; icon?: IconName; hint?: string; danger?: boolean; disabled?: boolean; run: () => void };

export interface Choice {
  value: string;
  title: string;
  detail?: string;
  disabled?: boolean;
}

export type Tone = "plain" | "accent" | "ok" | "warn" | "danger";

/** How a menu's button looks, before and after the menu was loaded. */
export const MENU_BUTTON =
  "inline-flex h-7 min-w-7 items-center justify-center gap-1.5 rounded-md px-1 text-sm text-muted hover:bg-sunken hover:text-fg";
