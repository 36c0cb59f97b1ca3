/** The capability matrix as a table: its columns, what each cell says, and which rows are shown in what order. Pure. */

import { hover, label, say } from "./facts";
import { dollars, tokens } from "./figures";
import { matches } from "./grouping";
import type { Provider } from "$lib/api/records";
import type { Shown } from "./state";

export interface Column {
  readonly name: string;
  readonly head: string;
  readonly kind: "answer" | "tokens" | "price" | "text";
  /** Shown without asking for all columns. */
  readonly main: boolean;
}

const column = (name: string, head: string, kind: Column["kind"], main = false): Column => ({ name, head, kind, main });

/** Every capability once, those that people choose by first. */
export const COLUMNS: readonly Column[] = [
  column("context_window", "Context", "tokens", true),
  column("max_output", "Max output", "tokens", true),
  column("input_price", "In $/M", "price", true),
  column("output_price", "Out $/M", "price", true),
  column("vision", "Vision", "answer", true),
  column("tool_calling", "Tools", "answer", true),
  column("reasoning", "Reasoning", "answer", true),
  column("structured_output", "Schema", "answer", true),
  column("caching", "Cache", "answer", true),
  column("audio", "Audio", "answer", true),
  column("video", "Video", "answer", true),
  column("web_search", "Web", "answer", true),
  column("local", "Local", "answer", true),
  column("streaming", "Streams", "answer"),
  column("grounding", "Grounding", "answer"),
  column("x_search", "X search", "answer"),
  column("file_search", "File search", "answer"),
  column("code_execution", "Runs code", "answer"),
  column("computer_use", "Computer", "answer"),
  column("mcp_support", "MCP", "answer"),
  column("model_discovery", "Listed", "answer"),
  column("cost_tracking", "Cost known", "answer"),
  column("cache_minimum", "Cache from", "tokens"),
  column("cache_read_price", "Cache read $/M", "price"),
  column("cache_write_price", "Cache write $/M", "price"),
  column("batch_input_price", "Batch in $/M", "price"),
  column("batch_output_price", "Batch out $/M", "price"),
  column("price_tiers", "Long prompts", "text"),
  column("vendor", "Served by", "text"),
  column("model", "Upstream name", "text"),
  column("notes", "Notes", "text"),
];

/** What rows may be asked to have. */
export const ABILITIES = COLUMNS.filter((each) => each.kind === "answer");

export interface Cell {
  readonly text: string;
  /** The value with its source and date, for hovering and for screen readers. */
  readonly title: string;
  readonly tone: "yes" | "no" | "unknown" | "value";
}

const FREE = "Free (local)";
const PRICED_AWAY = new Set(["input_price", "output_price"]);

export function cell(model: Shown, { name, kind }: Column): Cell {
  if (model.local && PRICED_AWAY.has(name))
    return { text: FREE, title: "It runs on a machine of yours, which costs nothing per token.", tone: "value" };
  const fact = model.capabilities[name];
  if (!fact)
    return { text: kind === "price" ? "-" : "?", title: `${label(name)}: unknown, for nobody says.`, tone: "unknown" };
  const doubt = "uncertain" in fact && fact.uncertain === true ? " ?" : "";
  const title = hover(model.capabilities, name);
  const { value } = fact;
  if (typeof value === "boolean") return { text: `${value ? "yes" : "no"}${doubt}`, title, tone: value ? "yes" : "no" };
  if (typeof value === "number" && kind === "tokens") return { text: `${tokens(value)}${doubt}`, title, tone: "value" };
  if (typeof value === "number" && kind === "price") return { text: `${dollars(value)}${doubt}`, title, tone: "value" };
  return { text: `${say(name, value)}${doubt}`, title, tone: "value" };
}

export interface Wanted {
  readonly query: string;
  readonly abilities: ReadonlySet<string>;
  readonly favorites: readonly string[];
  /** The column that rows are ordered by; null: favorites first, then as the server lists them. */
  readonly by: string | null;
  readonly descending: boolean;
}

/** The models that have all that is wanted, for certain or likely; unknown is never yes. */
export function rows(models: readonly Shown[], providers: ReadonlyMap<string, Provider>, wanted: Wanted): Shown[] {
  const found = models.filter(
    (model) =>
      matches(model, providers.get(model.provider), wanted.query) &&
      [...wanted.abilities].every((name) => model.capabilities[name]?.value === true),
  );
  const { by } = wanted;
  if (by === null) return found.toSorted((a, b) => Number(wanted.favorites.includes(b.id)) - Number(wanted.favorites.includes(a.id)));
  const sign = wanted.descending ? -1 : 1;
  return found.toSorted((a, b) => {
    const [first, second] = [worth(a, by), worth(b, by)];
    if (first === null || second === null) return Number(first === null) - Number(second === null); // unknown comes last
    if (typeof first === "string" || typeof second === "string") return sign * String(first).localeCompare(String(second));
    return sign * (first - second);
  });
}

function worth(model: Shown, by: string): number | string | null {
  if (by === "id") return model.id;
  if (model.local && PRICED_AWAY.has(by)) return 0;
  const value = model.capabilities[by]?.value;
  if (value === undefined) return null;
  return typeof value === "boolean" ? Number(value) : value;
}
