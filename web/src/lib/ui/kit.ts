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
