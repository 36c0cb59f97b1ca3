/** Where a model, an engine or a machine stands, as a colour and in words. Colour never says it alone. */

import type { EngineState, Model, Provider } from "$lib/api/records";

import { percent } from "./figures";

export type Tone = "good" | "busy" | "bad" | "idle";

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

export function ofModel(model: Model, provider: Provider | null = null): Standing {
  if (model.engine && model.engine.state !== "stopped") return ofEngine(model.engine);
  if (isOurs(model, provider)) return { tone: "idle", words: "not loaded" };
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

/** What can be done with a model of ours now. */
export function action(model: Model): Action {
  switch (model.engine?.state) {
    case "ready":
    case "stopping":
      return "unload";
    case "starting":
    case "waiting":
      return "cancel";
    default:
      return "load";
  }
}
