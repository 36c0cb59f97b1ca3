/** A model's facts as the page shows them: which are badges, what each value says, and who says so. */

import type { Capability } from "$lib/api/records";

import { dollars, tokens } from "./figures";

export interface Fact {
  name: string;
  label: string;
  value: string;
  source: string;
  asOf: string;
  uncertain: boolean;
}

const LABELS: Record<string, string> = {
  vendor: "Served by",
  model: "Upstream name",
  vision: "Sees images",
  tool_calling: "Calls tools",
  caching: "Caches prompts",
  streaming: "Streams",
  model_discovery: "Listed by its server",
  context_window: "Context",
  cost_tracking: "Cost is known",
  input_price: "Input price",
  output_price: "Output price",
  notes: "Notes",
  audio: "Hears sound",
  video: "Watches video",
  grounding: "Grounded answers",
  computer_use: "Uses a computer",
  local: "Runs locally",
  reasoning: "Reasons",
  web_search: "Searches the web",
  x_search: "Searches X",
  code_execution: "Runs code",
  file_search: "Searches files",
  mcp_support: "Calls MCP servers",
  structured_output: "Keeps to a schema",
  max_output: "Longest answer",
  cache_minimum: "Shortest cached prefix",
  cache_read_price: "Price read from cache",
  cache_write_price: "Price written to cache",
  batch_input_price: "Input price in batches",
  batch_output_price: "Output price in batches",
  price_tiers: "Prices of long prompts",
};

/** What tells models apart at a glance, in this order; what nearly all can do (streaming) is left to the details. */
const BADGES: readonly [name: string, label: string][] = [
  ["vision", "vision"],
  ["audio", "audio"],
  ["video", "video"],
  ["tool_calling", "tools"],
  ["reasoning", "reasoning"],
  ["structured_output", "schema"],
  ["web_search", "web"],
  ["code_execution", "code"],
  ["computer_use", "computer"],
  ["caching", "cache"],
];

const PRICES = new Set([
  "input_price",
  "output_price",
  "cache_read_price",
  "cache_write_price",
  "batch_input_price",
  "batch_output_price",
]);
const TOKENS = new Set(["context_window", "max_output", "cache_minimum"]);

/** The server's words for its sources, where a person would not know them. What is not here is shown as it is. */
const SOURCES: Record<string, string> = {
  user: "your own setting",
  "built-in": "built into hostler",
  recipe: "the recipe in the providers file",
  "provider kind": "the provider's entry",
  "model file": "the header of the model's file",
};

/** The value in words. */
export function say(name: string, value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") {
    if (TOKENS.has(name)) return `${value.toLocaleString("en")} tokens (${tokens(value)})`;
    if (PRICES.has(name)) return `${dollars(value)} per million tokens`;
    return value.toLocaleString("en");
  }
  return name === "price_tiers" ? tiers(String(value)) : String(value);
}

/** `200000: 6/22.5/0.6/-` in words: what a request costs whose prompt is longer. */
function tiers(text: string): string {
  const words = text.split(";").map((tier) => {
    const [above = "", rates = ""] = tier.split(":");
    const [input = "-", output = "-"] = rates.trim().split("/");
    return `above ${tokens(Number(above))} tokens ${priced(input)} in, ${priced(output)} out`;
  });
  return words.join("; ");
}

const priced = (rate: string): string => (rate === "-" ? "-" : dollars(Number(rate)));

export function label(name: string): string {
  return LABELS[name] ?? name.replaceAll("_", " ");
}

function fact(name: string, given: Capability, words: string): Fact {
  const uncertain = "uncertain" in given && given.uncertain === true;
  return {
    name,
    label: words,
    value: say(name, given.value),
    source: SOURCES[given.source] ?? given.source,
    asOf: given.as_of ?? "",
    uncertain,
  };
}

/** What the model can do, as short words; what it cannot or what nobody knows is no badge. */
export function badges(capabilities: Record<string, Capability>): Fact[] {
  return BADGES.flatMap(([name, words]) => {
    const given = capabilities[name];
    return given?.value === true ? [fact(name, given, words)] : [];
  });
}

/** Where a single fact comes from, for a tooltip; "" when nobody said it. */
export function hover(capabilities: Record<string, Capability>, name: string): string {
  const given = capabilities[name];
  return given ? provenance(fact(name, given, label(name))) : "";
}

/** Every fact that is known, in the order in which the server gives them. */
export function all(capabilities: Record<string, Capability>): Fact[] {
  return Object.entries(capabilities).map(([name, given]) => fact(name, given, label(name)));
}

/** One line for a tooltip: value, source, as of. */
export function provenance(given: Fact): string {
  const dated = given.asOf ? `, as of ${given.asOf}` : "";
  const doubt = given.uncertain ? "; uncertain, for another source says something else, or its server may serve less" : "";
  return `${label(given.name)}: ${given.value}. Source: ${given.source}${dated}${doubt}.`;
}
