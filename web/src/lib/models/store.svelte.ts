/**
 * What the models page shows: lists that are asked for, and the stream's engines, machines and pulls on top of them.
 * Lists are asked for again when an event says that they changed, never on a timer; memory alone has to be asked for.
 */

import { alarm, announce } from "$lib/a11y/announce.svelte";
import { api, ApiError, asApiError, live, query, segment } from "$lib/api";
import type { EngineState, Engines, Event, Failure, MachineMemory, Model, Models, Preferences, Provider, Providers, PullState } from "$lib/api";

import { toggled } from "./favorites";
import { answered, withEngines, withMemory } from "./grouping";
import type { Memory } from "./memory";
import { sampled, type Sample } from "./pulls";

const MEMORY_MS = 4000;
const MACHINES_MS = 10_000;
const SETTLE_MS = 60;
const CHANGES_MODELS = /^(providers\.|overrides\.|machine\.|models\.|engine\.(ready|failed|crashed|stopped)|pull\.done)/;
const CHANGES_MEMORY = /^engine\.(starting|ready|failed|crashed|stopped)/;

interface Enginelike {
  engines: EngineState[];
  memory: Memory | null;
}

export class ModelsStore {
  models = $state.raw<Model[]>([]);
  favorites = $state.raw<string[]>([]);
  fallback = $state("");
  providers = $state.raw<Providers | null>(null);
  asked = $state.raw<Enginelike>({ engines: [], memory: null });
  /** What other machines hold in memory, by provider. */
  held = $state.raw<ReadonlyMap<string, MachineMemory>>(new Map());
  pulls = $state.raw<PullState[]>([]);
  samples = $state.raw<Record<string, Sample[]>>({});
  loading = $state(true);
  refreshing = $state(false);
  failure = $state.raw<ApiError | null>(null);
  /** What went wrong with something that was asked of one model or pull, by its id. */
  complaints = $state.raw<Record<string, Failure>>({});

  /** Engines as the stream has them, with the memory that only asking tells. */
  engines = $derived.by((): EngineState[] => {
    const measured = new Map(this.asked.engines.map((engine) => [engine.model, engine]));
    const streamed = [...live.state.engines.values()].map((engine) => {
      const known = measured.get(engine.model);
      measured.delete(engine.model);
      if (!known) return engine;
      const { memory, predicted, in_flight, last_used } = known;
      const error = known.state === engine.state ? known.error : engine.error; // events tell no hint
      return { ...engine, memory: engine.memory ?? memory, predicted: engine.predicted ?? predicted, in_flight, last_used, error };
    });
    return [...streamed, ...measured.values()];
  });
  shown = $derived(withMemory(withEngines(this.models, this.engines), this.held));
  memory = $derived(this.asked.memory);
  machines = $derived.by((): Provider[] =>
    (this.providers?.providers ?? []).map((provider) => {
      const machine = live.state.machines.get(provider.id);
      // "down" by the stream comes before the list is asked again; advice and reason follow with it
      return machine && provider.ready && machine.state === "down" && provider.state !== "down"
        ? { ...provider, state: "down", reason: machine.reason }
        : provider;
    }),
  );
  running = $derived.by((): PullState[] => {
    const known = new Map(this.pulls.map((pull) => [pull.id, pull]));
    for (const pull of live.state.pulls.values()) known.set(pull.id, pull);
    return [...known.values()].toSorted((a, b) => b.id.localeCompare(a.id));
  });

  #starring = 0;
  #pending = new Set<"models" | "engines">();
  #settle: ReturnType<typeof setTimeout> | undefined;

  /** Ask for everything and follow the stream; returns how to stop. */
  open(): () => void {
    void this.reload();
    const stop = live.onAny((event) => this.#heard(event));
    const visible = (): boolean => !document.hidden && live.connection === "online";
    const timers = [
      setInterval(() => visible() && this.#quietly(this.#askEngines()), MEMORY_MS),
      setInterval(() => visible() && this.held.size > 0 && this.#quietly(this.#askMachines()), MACHINES_MS),
    ];
    return () => {
      stop();
      timers.forEach(clearInterval);
      clearTimeout(this.#settle);
    };
  }

  async reload(): Promise<void> {
    try {
      await Promise.all([this.#askModels(), this.#askProviders(), this.#askEngines(), this.#askPulls()]);
      this.failure = null;
    } catch (error) {
      this.failure = asApiError(error);
    } finally {
      this.loading = false;
    }
    this.#quietly(this.#askMachines()); // they may be slow, and the lists are there without them
  }

  /** Have every machine asked again what it serves, or one provider's. */
  async refresh(provider = ""): Promise<void> {
    this.refreshing = true;
    try {
      this.providers = await api.post<Providers>(`/providers/refresh${query({ provider })}`);
      await this.reload();
    } catch (error) {
      this.failure = asApiError(error);
    } finally {
      this.refreshing = false;
    }
  }

  load(model: string): Promise<void> {
    return this.#try(model, () => api.post("/engines/load", { model }));
  }

  unload(model: string): Promise<void> {
    return this.#try(model, async () => {
      await api.post("/engines/unload", { model });
      await Promise.all([this.#askEngines(), this.#askMachines()]);
    });
  }

  async star(id: string): Promise<void> {
    const before = this.favorites;
    this.favorites = toggled(before, id);
    this.#starring += 1;
    try {
      await api.patch<{ preferences: Preferences }>("/preferences", { favorite_models: this.favorites });
    } catch (error) {
      this.favorites = before;
      this.complain(id, error);
    } finally {
      this.#starring -= 1;
    }
  }

  async pull(spec: string): Promise<boolean> {
    this.forgive("pull");
    try {
      const pull = await api.post<PullState>("/pulls", { spec });
      this.pulls = [pull, ...this.pulls.filter((each) => each.id !== pull.id)];
      return true;
    } catch (error) {
      this.complain("pull", error);
      return false;
    }
  }

  cancel(pull: string): Promise<void> {
    return this.#try(pull, async () => {
      const ended = await api.delete<PullState>(`/pulls/${segment(pull)}`);
      this.pulls = this.pulls.map((each) => (each.id === pull ? ended : each));
    });
  }

  async log(model: string, lines = 500): Promise<string[]> {
    return (await api.get<{ lines: string[] }>(`/engines/log${query({ model, lines })}`)).lines;
  }

  complain(id: string, error: unknown): void {
    const { code, message, hint } = asApiError(error);
    this.complaints = { ...this.complaints, [id]: { code, message, hint } };
    alarm(`${message} ${hint}`);
  }

  forgive(id: string): void {
    const { [id]: _gone, ...rest } = this.complaints;
    this.complaints = rest;
  }

  async #try(id: string, action: () => Promise<unknown>): Promise<void> {
    this.forgive(id);
    try {
      await action();
    } catch (error) {
      this.complain(id, error);
    }
  }

  #heard(event: Event): void {
    if (event.kind === "pull.progress") {
      const { id, done } = event.data.pull;
      this.samples = { ...this.samples, [id]: sampled(this.samples[id] ?? [], { at: event.at, done }) };
      return;
    }
    if (event.kind === "machine.memory") {
      const { machine } = event.data;
      tellMemory(this.held.get(machine.provider), machine);
      this.held = new Map(this.held).set(machine.provider, machine);
      return;
    }
    tell(event);
    if (event.kind === "machine.up" || event.kind === "providers.loaded") this.#quietly(this.#askMachines());
    if (event.kind === "preferences.changed" && event.data.keys.includes("favorite_models")) this.#soon("models");
    if (CHANGES_MODELS.test(event.kind)) this.#soon("models");
    if (CHANGES_MEMORY.test(event.kind)) this.#soon("engines");
  }

  /** Several events come at once; one question answers them all. */
  #soon(what: "models" | "engines"): void {
    this.#pending.add(what);
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => {
      const asked = [...this.#pending];
      this.#pending.clear();
      const work = asked.map((each) =>
        each === "engines" ? this.#askEngines() : Promise.all([this.#askModels(), this.#askProviders()]),
      );
      this.#quietly(Promise.all(work));
    }, SETTLE_MS);
  }

  async #askModels(): Promise<void> {
    const { models, favorites, default: fallback } = await api.get<Models>("/models");
    this.models = models;
    if (this.#starring === 0) this.favorites = favorites; // else the answer may be from before the star
    this.fallback = fallback;
  }

  async #askProviders(): Promise<void> {
    this.providers = await api.get<Providers>("/providers");
  }

  async #askEngines(): Promise<void> {
    const { engines, memory } = await api.get<Engines>("/engines");
    this.asked = { engines, memory };
  }

  async #askMachines(): Promise<void> {
    const before = this.held;
    const { machines } = await api.get<{ machines: MachineMemory[] }>("/machines/memory");
    this.held = answered(machines, before, this.held);
  }

  /** For what is asked in passing: the stream says by itself when the server is away. */
  #quietly(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }

  async #askPulls(): Promise<void> {
    this.pulls = (await api.get<{ pulls: PullState[] }>("/pulls")).pulls;
  }
}

/** What has come of loading on another machine, for somebody who does not see the page. */
function tellMemory(before: MachineMemory | undefined, now: MachineMemory): void {
  const old = new Map(before?.models.map((each) => [each.model, each.state]));
  for (const each of now.models) {
    if (each.state === old.get(each.model) || (each.state === "loaded" && old.get(each.model) !== "loading")) continue;
    if (each.state === "loaded") announce(`${each.model} is loaded.`);
    if (each.state === "failed") alarm(`${each.model}: ${each.error?.message ?? "it was not loaded."}`);
  }
}

/** What somebody who does not see the page wants to hear of it. */
function tell(event: Event): void {
  switch (event.kind) {
    case "engine.ready":
      return announce(`${event.data.model} is loaded.`);
    case "engine.stopped":
      return announce(`${event.data.model} is unloaded.`);
    case "engine.failed":
    case "engine.crashed":
      return alarm(`${event.data.model}: ${event.data.message ?? "the engine failed."}`);
    case "machine.down":
      return announce(`${event.data.provider} is down. ${event.data.reason ?? ""}`);
    case "machine.up":
      return announce(`${event.data.provider} is up.`);
    case "providers.refused":
      return alarm("The providers file has a mistake; the last good state is in use.");
    case "overrides.refused":
      return alarm("The overrides file has a mistake; the last good state is in use.");
    case "pull.done":
      return announce(`${event.data.pull.spec} is pulled.`);
    case "pull.failed":
      if (event.data.pull.state === "cancelled") return announce(`${event.data.pull.spec} is cancelled.`);
      return alarm(`Pull of ${event.data.pull.spec}: ${event.data.pull.error?.message ?? "failed"}`);
    default:
  }
}
