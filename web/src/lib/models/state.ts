/** Where a model, an engine or a machine stands, as a colour and in words. Colour never says it alone. */

import type { EngineState, Failure, Model, Provider, ResidentModel } from "$lib/api/records";

import { percent } from "./figures";

export type Tone = "good" | "busy" | "bad" | "idle";

/** A model with what is known of its machine's memory, where that is another machine which tells. */
export type Shown = Model & {
  resident?: ResidentModel | null;
  /** It can be loaded and unloaded by its machine's own calls. */
  loads?: boolean;
  /** Loading it again keeps it warm. */
  renews?: boolean;
};

export interface Standing {
  tone: Tone;
  words: string;
}

export function ofEngine(engine: EngineState): Standing {
  switch (engine.state) {
    case "ready":
      return engine.in_flight > 0
        ? { tone: "good", words: `loaded, ${engine.in_flight} ${engine.in_flight === 1 ? "call" : "calls"} running` }
        : { tone: "good", words: "loaded" };
    case "starting":
      return { tone: "busy", words: engine.fraction === null ? "loading" : `loading, ${percent(engine.fraction)}` };
    case "waiting":
      return { tone: "busy", words: "waits for memory" };
    case "stopping":
      return { tone: "busy", words: "unloading" };
    case "failed":
      return { tone: "bad", words: "failed" };
    case "stopped":
      return { tone: "idle", words: "not loaded" };
  }
}

function ofResident(resident: ResidentModel): Standing {
  switch (resident.state) {
    case "loaded":
      return { tone: "good", words: "loaded" };
    case "loading":
      return { tone: "busy", words: "loading" };
    case "unloading":
      return { tone: "busy", words: "unloading" };
    case "failed":
      return { tone: "bad", words: "failed" };
  }
}

export function ofModel(model: Shown, provider: Provider | null = null): Standing {
  if (model.engine && model.engine.state !== "stopped") return ofEngine(model.engine);
  if (isOurs(model, provider)) return model.problem ? { tone: "bad", words: "broken" } : { tone: "idle", words: "not loaded" };
  if (model.state === "ready" && model.loads) {
    return model.resident ? ofResident(model.resident) : { tone: "idle", words: "not loaded" };
  }
  switch (model.state) {
    case "ready":
      return { tone: "good", words: "ready" };
    case "down":
      return { tone: "bad", words: "away" };
    case "unknown":
      return { tone: "idle", words: "not asked yet" };
  }
}

export function ofProvider(provider: Provider): Standing {
  if (!provider.ready) return { tone: "idle", words: "not ready" };
  switch (provider.state) {
    case "up":
      return { tone: "good", words: "up" };
    case "down":
      return { tone: "bad", words: "down" };
    default:
      return { tone: "idle", words: "not asked yet" };
  }
}

/** Whether hostler starts the model's engine itself, so that it can be loaded and unloaded. */
export function isOurs(model: Model, provider: Provider | null): boolean {
  return provider ? provider.kind === "engine" : model.engine !== null || model.needs !== null;
}

export type Action = "load" | "unload" | "cancel";

/** Whether it can be loaded and unloaded from here: an engine of ours, or a machine that has calls for it. */
export function isLoadable(model: Shown, provider: Provider | null): boolean {
  return isOurs(model, provider) || (model.loads === true && model.state === "ready");
}

export function isLoaded(model: Shown): boolean {
  return model.engine?.state === "ready" || model.resident?.state === "loaded";
}

export function isLoading(model: Shown): boolean {
  return model.engine?.state === "starting" || model.engine?.state === "waiting" || model.resident?.state === "loading";
}

/** What went wrong with it, the newest word first; null when all is well. */
export function trouble(model: Shown, failure: Failure | undefined): Failure | null {
  return failure ?? model.engine?.error ?? model.resident?.error ?? model.problem ?? null;
}

/** What can be done with a loadable model now. */
export function action(model: Shown): Action {
  switch (model.engine?.state ?? model.resident?.state) {
    case "ready":
    case "stopping":
    case "loaded":
    case "unloading":
      return "unload";
    case "starting":
    case "waiting":
    case "loading":
      return "cancel";
    default:
      return "load";
  }
}
