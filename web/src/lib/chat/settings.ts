/** Parameters as a form's texts and back. Pure. */
import type { Params } from "../api/records";

export interface Field {
  readonly name: keyof Params;
  readonly title: string;
  readonly hint: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

export const FIELDS: readonly Field[] = [
  { name: "temperature", title: "Temperature", hint: "0 to 2; lower is more even", min: 0, max: 2, step: 0.05 },
  { name: "max_tokens", title: "Longest answer", hint: "tokens", min: 1, max: 10_000_000, step: 1 },
  { name: "top_p", title: "Top p", hint: "0 to 1", min: 0, max: 1, step: 0.01 },
  { name: "top_k", title: "Top k", hint: "whole number", min: 0, max: 10_000, step: 1 },
  { name: "min_p", title: "Min p", hint: "0 to 1", min: 0, max: 1, step: 0.01 },
  {
    name: "seed",
    title: "Seed",
    hint: "the same one gives the same answer, where a model can",
    min: -9_007_199_254_740_991,
    max: 9_007_199_254_740_991,
    step: 1,
  },
  { name: "presence_penalty", title: "Presence penalty", hint: "-2 to 2", min: -2, max: 2, step: 0.1 },
  { name: "frequency_penalty", title: "Frequency penalty", hint: "-2 to 2", min: -2, max: 2, step: 0.1 },
];

export type Texts = Record<string, string>;

export function toTexts(params: Params): Texts {
  const texts: Texts = { effort: params.effort ?? "", stop: (params.stop ?? []).join("\n") };
  for (const { name } of FIELDS)
    texts[name] = params[name] === undefined || params[name] === null ? "" : String(params[name]);
  return texts;
}

export interface Read {
  readonly params: Params;
  /** What is wrong, by field. */
  readonly wrong: Readonly<Record<string, string>>;
}

/** What the texts say; empty is unset. */
export function fromTexts(texts: Texts): Read {
  const params: Record<string, unknown> = {};
  const wrong: Record<string, string> = {};
  for (const { name, min, max, step } of FIELDS) {
    const text = (texts[name] ?? "").trim().replace(",", ".");
    if (text === "") continue;
    const value = Number(text);
    if (!Number.isFinite(value) || value < min || value > max) wrong[name] = `A number from ${min} to ${max}.`;
    else if (step === 1 && !Number.isInteger(value)) wrong[name] = "A whole number.";
    else params[name] = value;
  }
  const stop = (texts["stop"] ?? "").split("\n").filter((line) => line !== "");
  if (stop.length > 0) params["stop"] = stop;
  if (texts["effort"]) params["effort"] = texts["effort"];
  return { params: params as Params, wrong };
}

/** How many parameters are set. */
export function count(params: Params): number {
  return Object.values(params).filter((value) => value !== undefined && value !== null).length;
}
