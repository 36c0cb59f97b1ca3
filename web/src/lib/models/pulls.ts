/** Downloads: what may be asked for, and how fast one comes. */

import type { PullState } from "$lib/api/records";

import { bytes, percent, span } from "./figures";

export const EXAMPLES: readonly [spec: string, words: string][] = [
  ["ORG/NAME", "a repository of the hub; the usual quantisation is chosen"],
  ["ORG/NAME:Q4_K_M", "one quantisation of it"],
  ["ORG/NAME:file.gguf", "one file of it"],
];

const SPEC = /^(?:https?:\/\/[^\s/]+\/|[a-z0-9.-]+\.[a-z]+\/)?[^\s/:]+\/[^\s/:]+\/?(?::[^\s:]+)?$/i;
const WINDOW_MS = 8000;

/** Why a spec cannot be asked for; "" when it can. The server has the last word. */
export function complaint(spec: string): string {
  const text = spec.trim();
  if (text === "") return "";
  if (SPEC.test(text)) return "";
  return "Write ORG/NAME, ORG/NAME:QUANT or ORG/NAME:FILE.";
}

export interface Sample {
  at: number;
  done: number;
}

/** The samples of the last seconds; one that goes back (a damaged part is fetched anew) begins again. */
export function sampled(samples: readonly Sample[], next: Sample): Sample[] {
  const last = samples.at(-1);
  if (last && next.done < last.done) return [next];
  return [...samples.filter((sample) => next.at - sample.at <= WINDOW_MS), next];
}

/** Bytes per second over the samples; null while too little is known. */
export function speed(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (!first || !last || last.at - first.at < 500) return null;
  return ((last.done - first.done) * 1000) / (last.at - first.at);
}

/** `1.2 GiB of 4.8 GiB, 25 %, 80 MiB/s, 45 s left`: as much of it as is known. */
export function progress(pull: PullState, samples: readonly Sample[] = []): string {
  const parts = [pull.total === null ? bytes(pull.done) : `${bytes(pull.done)} of ${bytes(pull.total)}`];
  if (pull.total) parts.push(percent(pull.done / pull.total));
  const rate = pull.state === "running" ? speed(samples) : null;
  if (rate !== null && rate > 0) {
    parts.push(`${bytes(rate)}/s`);
    if (pull.total) parts.push(`${span((pull.total - pull.done) / rate)} left`);
  }
  return parts.join(", ");
}
