/** A reply's figures in words: speed, time to the first token, usage, cost. Pure. */
import type { Message, Usage } from "../api/records";
import { tokens } from "../models/figures";

export interface Figure {
  readonly text: string;
  /** The same in a sentence. */
  readonly detail: string;
}

/** `0.8 s`, `12 s`, `2 min 5 s` from milliseconds. */
export function seconds(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.round(ms / 1_000)} s`;
  const whole = Math.round(ms / 1_000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Shorter than this a reply came as one piece or nearly so, and says nothing of its model's speed (times are in ms). */
const MEASURABLE_MS = 50;

/** Tokens per second after the first one, null if unknown. */
export function speed(message: Message): number | null {
  const made = (message.usage?.output ?? 0) + (message.usage?.reasoning ?? 0);
  const { ttft_ms: first, duration_ms: whole } = message;
  if (made < 2 || first === null || whole === null || whole - first < MEASURABLE_MS) return null;
  return ((made - 1) * 1_000) / (whole - first);
}

/** What it cost: an estimate by the price list, what the vendor said, free, or not known, which is never 0. */
export function cost(message: Message): Figure {
  if (message.cost_state === "local")
    return { text: "Free (local)", detail: "It ran on a machine of yours, which costs nothing per token." };
  if (message.cost_state === "unknown" || message.cost === null)
    return { text: "-", detail: "What it cost is not known: no price of this model is, or its upstream told no usage." };
  const value = message.cost;
  const text =
    value === 0
      ? "$0"
      : value < 0.0001
        ? "< $0.0001"
        : `$${value < 0.01 ? value.toFixed(4) : value.toFixed(value < 1 ? 3 : 2)}`;
  if (message.cost_state === "known") return { text, detail: `Cost of this answer, as its vendor says: $${value}` };
  return { text: `~${text}`, detail: `Cost of this answer, an estimate by the price list: $${Number(value.toPrecision(6))}` };
}

const NAMES: readonly (readonly [keyof Usage, string])[] = [
  ["input", "input, not cached"],
  ["cache_read", "read from cache"],
  ["cache_write", "written to cache"],
  ["output", "visible output"],
  ["reasoning", "reasoning"],
];

function used(usage: Usage): Figure {
  const into = (usage.input ?? 0) + (usage.cache_read ?? 0) + (usage.cache_write ?? 0);
  const out = (usage.output ?? 0) + (usage.reasoning ?? 0);
  const detail = NAMES.flatMap(([name, words]) =>
    usage[name] === null ? [] : [`${usage[name].toLocaleString("en")} ${words}`],
  ).join(", ");
  return { text: `${tokens(into)} in, ${tokens(out)} out`, detail: `Tokens: ${detail || "not said"}` };
}

/** The figures under a finished reply, in their order. */
export function figures(message: Message): Figure[] {
  const found: Figure[] = [];
  const rate = speed(message);
  if (rate !== null)
    found.push({
      text: `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} tokens/s`,
      detail: "Speed after the first token",
    });
  if (message.ttft_ms !== null)
    found.push({ text: `first ${seconds(message.ttft_ms)}`, detail: "Time to the first token" });
  if (message.duration_ms !== null) found.push({ text: seconds(message.duration_ms), detail: "Whole time" });
  if (message.usage) found.push(used(message.usage));
  found.push(cost(message));
  return found;
}
