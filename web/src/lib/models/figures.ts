/** Figures in words for people: bytes, tokens, how long ago, how long still. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `5.2 GiB`; three figures at most, whole bytes below a KiB. */
export function bytes(count: number): string {
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
  return `${text} ${UNITS[unit] ?? ""}`;
}

/** `128k`, `1M`; exact below a thousand. Windows are powers of two as often as round numbers. */
export function tokens(count: number): string {
  if (count < 1000) return String(count);
  const binary = count % 1000 !== 0 && count % 1024 === 0;
  const thousand = binary ? 1024 : 1000;
  const [value, letter] =
    count >= thousand * thousand ? [count / thousand / thousand, "M"] : [count / thousand, "k"];
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "")}${letter}`;
}

/** `12 s`, `3 min`, `2 h`, `5 d`: the largest unit alone. */
export function span(seconds: number): string {
  const left = Math.max(0, seconds);
  if (left < MINUTE) return `${Math.round(left)} s`;
  if (left < HOUR) return `${Math.floor(left / MINUTE)} min`;
  if (left < DAY) return `${Math.floor(left / HOUR)} h`;
  return `${Math.floor(left / DAY)} d`;
}

/** `just now`, `3 min ago`; both in unix milliseconds. */
export function ago(then: number, now: number): string {
  const seconds = (now - then) / 1000;
  return seconds < 5 ? "just now" : `${span(seconds)} ago`;
}

/** `in 4 min`, `now`; both in unix milliseconds. Further away than a year is for good. */
export function ahead(then: number, now: number): string {
  const seconds = (then - now) / 1000;
  if (seconds > 365 * DAY) return "never";
  return seconds < 5 ? "now" : `in ${span(seconds)}`;
}

/** `42 %`, never 100 before the end. */
export function percent(fraction: number): string {
  const bounded = Math.min(1, Math.max(0, fraction));
  return `${bounded >= 1 ? 100 : Math.min(99, Math.floor(bounded * 100))} %`;
}

/** `$0.25`; prices below a cent keep two figures. */
export function dollars(value: number): string {
  if (value === 0) return "$0";
  return `$${value >= 0.01 ? value.toFixed(2) : value.toPrecision(2)}`;
}

/** `1 model`, `2 models`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
