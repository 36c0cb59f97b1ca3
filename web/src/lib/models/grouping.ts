/** Which models are shown and in what order: search, filter, groups by provider, favorites first. */

import type { EngineState, MachineMemory, Model, Provider } from "$lib/api/records";

import { isLoaded, type Shown } from "./state";

export type Filter = "all" | "ready" | "loaded" | "local" | "favorites";

/** Names that end in numbers stand in the order of the numbers. */
const ORDER = new Intl.Collator("en", { numeric: true });

export interface Group {
  /** The provider's id; "" for favorites. */
  id: string;
  provider: Provider | null;
  models: Shown[];
}

export interface View {
  query: string;
  filter: Filter;
  favorites: readonly string[];
}

export const FILTERS: readonly [Filter, string][] = [
  ["all", "All"],
  ["ready", "Ready"],
  ["loaded", "Loaded"],
  ["local", "Local"],
  ["favorites", "Favorites"],
];

/** Every word of the query stands somewhere in what is known of the model. */
export function matches(model: Model, provider: Provider | undefined, query: string): boolean {
  const able = Object.entries(model.capabilities).flatMap(([name, fact]) =>
    fact.value === true ? [name.replaceAll("_", " ")] : [],
  );
  const text = [model.id, provider?.label ?? "", provider?.kind ?? "", ...(provider?.tags ?? []), ...able]
    .join(" ")
    .toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function passes(model: Shown, view: View): boolean {
  switch (view.filter) {
    case "all":
      return true;
    case "ready":
      return model.state === "ready";
    case "loaded":
      return isLoaded(model);
    case "local":
      return model.local;
    case "favorites":
      return view.favorites.includes(model.id);
  }
}

/**
 * Groups in the order of the providers. A provider without a model to show stays when it has something to say:
 * it is down or not ready, and nobody searches for something else.
 */
export function groups(models: readonly Shown[], providers: readonly Provider[], view: View): Group[] {
  const known = new Map(providers.map((provider) => [provider.id, provider]));
  const found = models.filter((model) => matches(model, known.get(model.provider), view.query) && passes(model, view));
  const byProvider = new Map<string, Shown[]>();
  for (const model of found) {
    const siblings = byProvider.get(model.provider);
    if (siblings) siblings.push(model);
    else byProvider.set(model.provider, [model]);
  }
  const of = (id: string): Shown[] =>
    (byProvider.get(id) ?? []).toSorted((a, b) => rank(a, view) - rank(b, view) || ORDER.compare(a.model, b.model));
  const strangers = [...byProvider.keys()].filter((id) => !known.has(id));
  const quiet = view.query.trim() === "" && view.filter === "all";
  return [
    ...providers.map((provider) => ({ id: provider.id, provider, models: of(provider.id) })),
    ...strangers.map((id) => ({ id, provider: null, models: of(id) })),
  ].filter((group) => group.models.length > 0 || (quiet && group.provider !== null && worthSaying(group.provider)));
}

/** Whether a provider without models is worth a line: a machine of the user's, or a vendor whose key is there. */
export function worthSaying(provider: Provider): boolean {
  return provider.local || provider.ready;
}

/** Vendors that lack a key or their program: they are offered in one line, not as a wall of empty groups. */
export function notSetUp(providers: readonly Provider[]): Provider[] {
  return providers.filter((provider) => !provider.local && !provider.ready && provider.models === 0);
}

function rank(model: Shown, view: View): number {
  if (view.favorites.includes(model.id)) return 0;
  return isLoaded(model) ? 1 : 2;
}

/** What a list shows from top to bottom, for j and k. */
export function order(shown: readonly Group[]): string[] {
  return shown.flatMap((group) => group.models.map((model) => model.id));
}

/** The neighbour of the chosen one; at the ends it stays. */
export function step(ids: readonly string[], from: string | null, by: 1 | -1): string | null {
  if (ids.length === 0) return null;
  const at = from === null ? -1 : ids.indexOf(from);
  if (at < 0) return (by > 0 ? ids[0] : ids[ids.length - 1]) ?? null;
  return ids[Math.min(ids.length - 1, Math.max(0, at + by))] ?? null;
}

/**
 * Machines' memory by an answer that was asked for when `before` held. Where the stream has told something else since
 * (`now`), that is newer than the answer.
 */
export function answered(
  machines: readonly MachineMemory[],
  before: ReadonlyMap<string, MachineMemory>,
  now: ReadonlyMap<string, MachineMemory>,
): ReadonlyMap<string, MachineMemory> {
  const told = (machine: MachineMemory): MachineMemory => {
    const known = now.get(machine.provider);
    return known !== undefined && known !== before.get(machine.provider) ? known : machine;
  };
  return new Map(machines.map((machine) => [machine.provider, told(machine)]));
}

/** What other machines say of their memory, on top of the list. */
export function withMemory(models: readonly Model[], memory: ReadonlyMap<string, MachineMemory>): Shown[] {
  const resident = new Map([...memory.values()].flatMap((machine) => machine.models.map((each) => [each.model, each])));
  return models.map((model) => {
    const machine = memory.get(model.provider);
    if (!machine?.loads) return model;
    return { ...model, loads: true, renews: machine.renews, resident: resident.get(model.id) ?? null };
  });
}

/** What the stream says of engines counts before what the list said when it was asked. */
export function withEngines(models: readonly Model[], engines: readonly EngineState[]): Model[] {
  const live = new Map(engines.map((engine) => [engine.model, engine]));
  return models.map((model) => {
    const engine = live.get(model.id);
    return engine && engine !== model.engine ? { ...model, engine } : model;
  });
}
