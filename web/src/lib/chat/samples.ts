/** Records for the tests. */
import type { Message, Model } from "../api/records";

export function message(given: Partial<Message> & { id: string }): Message {
  return {
    session: "s",
    parent: null,
    role: "assistant",
    state: "complete",
    parts: [],
    model: "",
    created: 0,
    order: 0,
    usage: null,
    cost: null,
    cost_state: "unknown",
    ttft_ms: null,
    duration_ms: null,
    finish: "",
    error: null,
    edited: false,
    params: {},
    ...given,
  };
}

export function model(given: Partial<Model> & { id: string }): Model {
  const [provider = "", ...rest] = given.id.split("/");
  return {
    provider,
    model: rest.join("/"),
    state: "ready",
    context: null,
    capabilities: {},
    local: false,
    engine: null,
    size: null,
    needs: null,
    problem: null,
    ...given,
  };
}
