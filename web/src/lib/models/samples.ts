/** Records for the unit tests. */

import type { EngineState, Model, Provider } from "$lib/api/records";

export function engine(model: string, given: Partial<EngineState> = {}): EngineState {
  return {
    model,
    state: "ready",
    in_flight: 0,
    pid: 1,
    port: 1,
    memory: 0,
    predicted: 0,
    since: 0,
    fraction: null,
    error: null,
    last_used: 0,
    ...given,
  };
}

export function model(id: string, given: Partial<Model> = {}): Model {
  const [provider = "", ...rest] = id.split("/");
  return {
    id,
    provider,
    model: rest.join("/"),
    state: "ready",
    context: null,
    capabilities: {},
    local: true,
    engine: null,
    size: null,
    needs: null,
    problem: null,
    ...given,
  };
}

export function provider(id: string, given: Partial<Provider> = {}): Provider {
  return {
    id,
    label: id,
    kind: "openai-compatible",
    wire: "openai-chat",
    state: "up",
    since: null,
    reason: "",
    advice: "",
    ready: true,
    models: 1,
    tags: [],
    base_url: "",
    local: true,
    default: false,
    discovers: true,
    ...given,
  } as Provider;
}
