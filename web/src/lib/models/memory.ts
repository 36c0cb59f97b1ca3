/**
 * The machine's memory as a bar, and whether one more model fits. The server decides when it loads; the page foretells
 * with the same arithmetic, so that nobody has to try.
 */

import type { EngineState, Engines, Model } from "$lib/api/records";

import { bytes } from "./figures";
import type { Shown } from "./state";

export type Memory = Engines["memory"];

export interface Segment {
  kind: "other" | "engine" | "promised" | "wanted" | "over" | "free";
  label: string;
  bytes: number;
  /** Share of the bar, 0 to 1. */
  from: number;
  width: number;
}

export interface Mark {
  kind: "reserve" | "limit";
  label: string;
  at: number;
}

export interface Bar {
  segments: Segment[];
  marks: Mark[];
}

export type Fit =
  | { kind: "loaded" | "elsewhere" | "unknown"; words: string; unload: string[] }
  | { kind: "fits" | "unload" | "wait" | "refused"; words: string; unload: string[]; free: number };

const HOLDS: ReadonlySet<EngineState["state"]> = new Set(["starting", "ready", "stopping"]);

/** Engines that hold memory, or are about to. */
export function resident(engines: readonly EngineState[]): EngineState[] {
  return engines.filter((engine) => HOLDS.has(engine.state));
}

const held = (engine: EngineState): number => engine.memory ?? 0;
const promised = (engine: EngineState): number => Math.max(0, (engine.predicted ?? 0) - held(engine));
const spoken = (engine: EngineState): number => Math.max(held(engine), engine.predicted ?? 0);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Bytes that a further engine may take; negative when more is promised than there is. */
export function free(memory: Memory, engines: readonly EngineState[]): number {
  const running = resident(engines);
  const left = memory.available - (memory.reserve ?? 0) - sum(running.map(promised));
  if (!memory.limit) return left;
  return Math.min(left, memory.limit - sum(running.map((engine) => engine.predicted ?? 0)));
}

/** The bar from left to right; `wanted` is a model that is only looked at. */
export function bar(memory: Memory, engines: readonly EngineState[], wanted: Model | null = null): Bar {
  const running = resident(engines);
  const total = Math.max(1, memory.total);
  const other = Math.max(0, memory.total - memory.available - sum(running.map(held)));
  const parts: Omit<Segment, "from" | "width">[] = [
    { kind: "other", label: "everything else", bytes: other },
    ...running.flatMap((engine): Omit<Segment, "from" | "width">[] => [
      { kind: "engine", label: engine.model, bytes: held(engine) },
      { kind: "promised", label: `${engine.model}, not touched yet`, bytes: promised(engine) },
    ]),
  ];
  const taken = sum(parts.map((part) => part.bytes));
  const room = Math.max(0, memory.total - taken);
  const asked = wanted !== null && !running.some((engine) => engine.model === wanted.id) ? (wanted.needs ?? 0) : 0;
  const inside = Math.min(asked, room);
  parts.push({ kind: "wanted", label: wanted?.id ?? "", bytes: inside });
  parts.push({ kind: "over", label: "more than there is", bytes: asked - inside });
  parts.push({ kind: "free", label: "free", bytes: room - inside });
  let from = 0;
  const segments = parts
    .filter((part) => part.bytes > 0)
    .map((part) => {
      const start = Math.min(1, from / total);
      from += part.bytes;
      return { ...part, from: start, width: Math.min(1, from / total) - start };
    });
  return { segments, marks: marks(memory, other) };
}

function marks(memory: Memory, other: number): Mark[] {
  const total = Math.max(1, memory.total);
  const found: Mark[] = [];
  if (memory.reserve) {
    const at = Math.max(0, (total - memory.reserve) / total);
    found.push({ kind: "reserve", label: `reserve: engines leave ${bytes(memory.reserve)} untouched`, at });
  }
  if (memory.limit && other + memory.limit < total) {
    const at = (other + memory.limit) / total;
    found.push({ kind: "limit", label: `limit: engines take ${bytes(memory.limit)} at most`, at });
  }
  return found;
}

/** What loading a model would take, as the server would decide. */
export function fit(model: Shown, memory: Memory, engines: readonly EngineState[]): Fit {
  if (!model.engine && model.needs === null) {
    return { kind: model.local ? "unknown" : "elsewhere", words: elsewhere(model), unload: [] };
  }
  const running = resident(engines);
  if (running.some((engine) => engine.model === model.id)) {
    return { kind: "loaded", words: "It is loaded.", unload: [] };
  }
  if (model.needs === null) return { kind: "unknown", words: "What it needs is not known yet.", unload: [] };
  const room = free(memory, engines);
  const wanted = model.needs;
  const needs = `needs ${bytes(wanted)}, ${bytes(Math.max(0, room))} can be had now`;
  if (wanted <= room) return { kind: "fits", words: `It fits: ${needs}.`, unload: [], free: room };
  const byAge = running.toSorted((a, b) => (a.last_used ?? 0) - (b.last_used ?? 0));
  const idle = byAge.filter((engine) => engine.state === "ready" && engine.in_flight === 0);
  const leaving = fewest(idle, wanted - room);
  if (leaving) {
    const names = leaving.map((engine) => engine.model);
    return { kind: "unload", words: `It fits once ${names.join(", ")} is unloaded: ${needs}.`, unload: names, free: room };
  }
  if (wanted <= room + sum(running.map(spoken))) {
    return { kind: "wait", words: `It must wait for engines that are busy: ${needs}.`, unload: [], free: room };
  }
  return { kind: "refused", words: `It does not fit: ${needs}.`, unload: [], free: room };
}

function elsewhere(model: Shown): string {
  if (model.resident?.state === "loaded") {
    return `It is loaded on its own machine${model.resident.memory ? `, where it holds ${bytes(model.resident.memory)}` : ""}.`;
  }
  return model.local ? "It runs on another machine of yours, whose memory is not known here." : "It runs at the vendor.";
}

/** The longest unused that give back enough, without those that turn out not to be needed. */
function fewest(candidates: readonly EngineState[], short: number): EngineState[] | null {
  let got = 0;
  const chosen: EngineState[] = [];
  for (const engine of candidates) {
    if (got >= short) break;
    chosen.push(engine);
    got += spoken(engine);
  }
  if (got < short) return null;
  for (const engine of chosen.toReversed()) {
    if (got - spoken(engine) >= short) {
      chosen.splice(chosen.indexOf(engine), 1);
      got -= spoken(engine);
    }
  }
  return chosen;
}
