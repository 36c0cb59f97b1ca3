/** What the model picker lists. Pure. */
import type { Model } from "../api/records";
import { score } from "../find";

/** Models that answer side by side at the most. */
export const MOST = 8;

/** How the picker's button looks, before and after the list was loaded. */
export const PICKER_BUTTON =
  "inline-flex h-8.5 max-w-60 min-w-0 items-center gap-2 rounded-md border border-transparent px-2.5 text-sm hover:bg-sunken data-[state=open]:bg-sunken";

/** What is chosen, in words. */
export function pickedTitle(
  value: readonly string[],
  { several, loaded }: { several: boolean; loaded: boolean },
): string {
  if (value.length === 0 || value[0] === "") return !loaded ? "Models …" : several ? "Choose models" : "Choose a model";
  return value.length === 1 ? (value[0] ?? "") : `${value.length} models`;
}

export interface Group {
  /** "" for the favorites. */
  readonly provider: string;
  readonly models: readonly Model[];
}

/**
 * Models in groups: favorites first, then by provider, within them the better answers to what was typed first. A
 * favorite whose machine is away is left out of the favorites until it is back.
 */
export function groups(models: readonly Model[], favorites: readonly string[], typed: string): Group[] {
  const found = models
    .map((model) => ({ model, points: typed.trim() === "" ? 1 : score(model.id, typed) }))
    .filter(({ points }) => points > 0)
    .sort((one, other) => other.points - one.points)
    .map(({ model }) => model);
  const byId = new Map(found.map((model) => [model.id, model]));
  const liked = favorites.flatMap((id) => byId.get(id) ?? []).filter(({ state }) => state !== "down");
  const rest = new Map<string, Model[]>();
  for (const model of found) {
    const group = rest.get(model.provider);
    if (group) group.push(model);
    else rest.set(model.provider, [model]);
  }
  const listed = [...rest].map(([provider, group]) => ({ provider, models: group }));
  return liked.length > 0 ? [{ provider: "", models: liked }, ...listed] : listed;
}

/** Why the model cannot be shown pictures, "" if it can. */
export function blind(model: Model | undefined): string {
  if (!model) return "Choose a model first.";
  const vision = model.capabilities["vision"];
  if (!vision) return `Nobody has said whether ${model.id} can see pictures.`;
  return vision.value === true ? "" : `${model.id} cannot see pictures (source: ${vision.source}).`;
}

/** The model to ask when nobody has chosen: what was used last, else the default, else whatever is ready. */
export function firstChoice(models: readonly Model[], wanted: readonly (string | null | undefined)[]): string {
  for (const id of wanted) if (id && models.some((model) => model.id === id)) return id;
  return (models.find(({ state }) => state === "ready") ?? models[0])?.id ?? "";
}
