/** Points in time for people. Pure. */

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const YEAR = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** `14:05` of today, `Nov 3` of this year, else with the year; unix ms. */
export function short(at: number, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return TIME.format(then);
  return (then.getFullYear() === today.getFullYear() ? DAY : YEAR).format(then);
}

export function full(at: number): string {
  return FULL.format(new Date(at));
}

export interface Span {
  readonly title: string;
  readonly from: number;
}

/** The headings under which sessions stand, newest first: from when on each counts (unix ms). */
export function spans(now: number): Span[] {
  const today = new Date(now);
  today.setHours(0, 0, 0, 0);
  const day = 86_400_000;
  const start = today.getTime();
  return [
    { title: "Today", from: start },
    { title: "Yesterday", from: start - day },
    { title: "Last 7 days", from: start - 7 * day },
    { title: "Last 30 days", from: start - 30 * day },
    { title: "Older", from: -Infinity },
  ];
}

export function spanOf(at: number, all: readonly Span[]): string {
  return all.find(({ from }) => at >= from)?.title ?? "Older";
}
