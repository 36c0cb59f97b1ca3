/** The lines of one engine's log as they come: bounded, and held still while somebody reads. */

import { plain } from "./ansi";

export const MOST_LINES = 2000;

export interface Log {
  lines: readonly string[];
  /** Lines that came while it was paused; they show when it goes on. */
  held: readonly string[];
  paused: boolean;
  /** Lines that the bound has let go. */
  dropped: number;
}

export const EMPTY: Log = { lines: [], held: [], paused: false, dropped: 0 };

function bounded(lines: readonly string[]): [lines: readonly string[], dropped: number] {
  const over = Math.max(0, lines.length - MOST_LINES);
  return over ? [lines.slice(over), over] : [lines, 0];
}

/** The log with what the server had when it was opened; lines that came meanwhile are not shown twice. */
export function begin(log: Log, earlier: readonly string[]): Log {
  const old = earlier.map(plain);
  const [lines, dropped] = bounded([...old, ...log.lines.slice(overlap(old, log.lines))]);
  return { ...log, lines, dropped };
}

function overlap(earlier: readonly string[], later: readonly string[]): number {
  for (let count = Math.min(earlier.length, later.length); count > 0; count -= 1) {
    if (later.slice(0, count).every((line, at) => line === earlier[earlier.length - count + at])) return count;
  }
  return 0;
}

export function more(log: Log, lines: readonly string[]): Log {
  const fresh = lines.map(plain);
  const [kept, dropped] = bounded([...(log.paused ? log.held : log.lines), ...fresh]);
  return log.paused
    ? { ...log, held: kept, dropped: log.dropped + dropped }
    : { ...log, lines: kept, dropped: log.dropped + dropped };
}

export function pause(log: Log): Log {
  return { ...log, paused: true };
}

export function goOn(log: Log): Log {
  const [lines, dropped] = bounded([...log.lines, ...log.held]);
  return { lines, held: [], paused: false, dropped: log.dropped + dropped };
}
