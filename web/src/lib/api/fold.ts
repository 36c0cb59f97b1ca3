/**
 * The state of everything that runs, as events make it. Pure: the same state and event give the same state; what an
 * event does not touch stays the identical object, so that a page redraws only what changed.
 */
import type {
  DeltaData,
  EngineState,
  Event,
  EventOf,
  MachineState,
  Memory,
  Message,
  Part,
  PullState,
  SessionSummary,
  Snapshot,
  TurnState,
} from "./records";

export interface LiveState {
  /** The last event that is in here. */
  readonly seq: number;
  readonly version: string;
  /** Running replies by message id; a reply that ended is not here any more. */
  readonly turns: ReadonlyMap<string, TurnState>;
  /** What events said of sessions since the page opened, by id; null: deleted. The list itself comes from GET /sessions. */
  readonly sessions: ReadonlyMap<string, SessionSummary | null>;
  readonly engines: ReadonlyMap<string, EngineState>;
  readonly machines: ReadonlyMap<string, MachineState>;
  readonly pulls: ReadonlyMap<string, PullState>;
  readonly memory: Memory;
  /** Sessions whose running text has a hole: a snapshot or a reload must mend them. */
  readonly holes: ReadonlySet<string>;
}

export const EMPTY: LiveState = {
  seq: 0,
  version: "",
  turns: new Map(),
  sessions: new Map(),
  engines: new Map(),
  machines: new Map(),
  pulls: new Map(),
  memory: { total: 0, available: 0 },
  holes: new Set(),
};

function by<T>(items: readonly T[], key: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}

/** The state that a snapshot describes; what only events tell (sessions) is kept from `before`. */
export function fromSnapshot(snapshot: Snapshot, seq: number, before: LiveState = EMPTY): LiveState {
  return {
    seq,
    version: snapshot.version,
    turns: by(snapshot.turns, (turn) => turn.message.id),
    sessions: before.sessions,
    engines: by(snapshot.engines, (engine) => engine.model),
    machines: by(snapshot.machines, (machine) => machine.id),
    pulls: by(snapshot.pulls, (pull) => pull.id),
    memory: snapshot.memory,
    holes: new Set(),
  };
}

function put<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

function without<K, V>(map: ReadonlyMap<K, V>, keys: readonly K[]): ReadonlyMap<K, V> {
  if (!keys.some((key) => map.has(key))) return map;
  const next = new Map(map);
  for (const key of keys) next.delete(key);
  return next;
}

/** A message with one more piece of text; null when something before the piece is missing. `at` in UTF-16 code units. */
export function applyDelta(message: Message, delta: DeltaData): Message | null {
  const part = message.parts[delta.part];
  if (part === undefined) {
    if (delta.part !== message.parts.length || delta.at !== 0) return null;
    return { ...message, parts: [...message.parts, begun(delta)] };
  }
  if (part.type !== delta.type) return null;
  const known = part.text.length;
  if (delta.at > known) return null;
  const fresh = delta.text.slice(known - delta.at);
  if (fresh === "") return message;
  const parts = message.parts.slice();
  parts[delta.part] = { ...part, text: part.text + fresh };
  return { ...message, parts };
}

function begun(delta: DeltaData): Part {
  return delta.type === "text"
    ? { type: "text", text: delta.text }
    : { type: "reasoning", text: delta.text, duration_ms: null, redacted: false };
}

function onMessage(state: LiveState, session: string, message: Message): LiveState {
  if (message.state !== "streaming") {
    const turns = without(state.turns, [message.id]);
    return turns === state.turns ? state : { ...state, turns };
  }
  return { ...state, turns: put(state.turns, message.id, { session, message }) };
}

function onDelta(state: LiveState, delta: DeltaData): LiveState {
  const turn = state.turns.get(delta.message);
  const message = turn === undefined ? null : applyDelta(turn.message, delta);
  if (message === null) {
    return state.holes.has(delta.session) ? state : { ...state, holes: new Set(state.holes).add(delta.session) };
  }
  if (message === turn?.message) return state;
  return { ...state, turns: put(state.turns, delta.message, { session: delta.session, message }) };
}

/** What the page uses of the engines' events; each kind has some of it. */
interface EngineEventData {
  model: string;
  predicted_bytes?: number;
  fraction?: number | null;
  pid?: number;
  port?: number;
  code?: string;
  message?: string;
}

const STAGES: Record<string, EngineState["state"]> = {
  "engine.starting": "starting",
  "engine.waiting": "waiting",
  "engine.progress": "starting",
  "engine.ready": "ready",
  "engine.failed": "failed",
  "engine.crashed": "failed",
  "engine.stopping": "stopping",
  "engine.stopped": "stopped",
};

function freshEngine(model: string): EngineState {
  return {
    model,
    state: "starting",
    in_flight: 0,
    pid: null,
    port: null,
    memory: null,
    predicted: null,
    since: null,
    fraction: null,
    error: null,
    last_used: null,
  };
}

function onEngine(state: LiveState, kind: string, at: number, data: EngineEventData): LiveState {
  const stage = STAGES[kind];
  if (stage === undefined) return state;
  const before = state.engines.get(data.model) ?? freshEngine(data.model);
  const running = stage === "ready" || stage === "stopping";
  const next: EngineState = {
    ...before,
    state: stage,
    since: before.state === stage ? before.since : at,
    predicted: data.predicted_bytes ?? before.predicted,
    fraction: kind === "engine.progress" ? (data.fraction ?? before.fraction) : null,
    pid: running ? (data.pid ?? before.pid) : null,
    port: running ? (data.port ?? before.port) : null,
    memory: running ? before.memory : null,
    error: stage === "failed" ? { code: data.code ?? "", message: data.message ?? "", hint: "" } : null,
  };
  return { ...state, engines: put(state.engines, data.model, next) };
}

function onMachine(state: LiveState, event: EventOf<"machine.up" | "machine.down">): LiveState {
  const { provider } = event.data;
  const known = { id: provider, models: 0, ...state.machines.get(provider), since: event.at };
  const next: MachineState =
    event.kind === "machine.up"
      ? { ...known, state: "up", reason: "", models: event.data.models.length }
      : { ...known, state: "down", reason: event.data.reason };
  return { ...state, machines: put(state.machines, provider, next) };
}

function change(state: LiveState, event: Event): LiveState {
  switch (event.kind) {
    case "message.delta":
      return onDelta(state, event.data);
    case "message.created":
    case "message.changed":
      return onMessage(state, event.data.session, event.data.message);
    case "message.deleted": {
      const turns = without(state.turns, event.data.ids);
      return turns === state.turns ? state : { ...state, turns };
    }
    case "session.created":
    case "session.changed":
      return { ...state, sessions: put(state.sessions, event.data.session.id, event.data.session) };
    case "session.deleted":
      return { ...state, sessions: put(state.sessions, event.data.id, null) };
    case "pull.progress":
    case "pull.done":
    case "pull.failed":
      return { ...state, pulls: put(state.pulls, event.data.pull.id, event.data.pull) };
    case "machine.up":
    case "machine.down":
      return onMachine(state, event);
    case "engine.starting":
    case "engine.waiting":
    case "engine.progress":
    case "engine.ready":
    case "engine.failed":
    case "engine.crashed":
    case "engine.stopping":
    case "engine.stopped":
      return onEngine(state, event.kind, event.at, event.data);
    default:
      return state;
  }
}

/** The state after one event. An event that is already in the state changes nothing, whatever it says. */
export function fold(state: LiveState, event: Event): LiveState {
  return event.seq <= state.seq ? state : { ...change(state, event), seq: event.seq };
}

/** The state after many events. */
export function foldAll(state: LiveState, events: readonly Event[]): LiveState {
  return events.reduce(fold, state);
}

/** The state with a session's hole mended by what GET /sessions/{id} told of its running messages. */
export function mended(state: LiveState, session: string, messages: readonly Message[]): LiveState {
  const holes = new Set(state.holes);
  holes.delete(session);
  const turns = new Map(state.turns);
  for (const message of messages) {
    const known = turns.get(message.id);
    if (message.state !== "streaming") turns.delete(message.id);
    else if (known === undefined || length(known.message) <= length(message)) turns.set(message.id, { session, message });
  }
  return { ...state, holes, turns };
}

function length(message: Message): number {
  return message.parts.reduce((sum, part) => sum + ("text" in part ? part.text.length : 0), 0);
}

/** An open session's messages after one event; the identical map when the event is about something else. */
export function foldMessages(messages: ReadonlyMap<string, Message>, session: string, event: Event): ReadonlyMap<string, Message> {
  switch (event.kind) {
    case "message.created":
    case "message.changed":
      return event.data.session === session ? put(messages, event.data.message.id, event.data.message) : messages;
    case "message.deleted":
      return event.data.session === session ? without(messages, event.data.ids) : messages;
    case "message.restored":
      if (event.data.session !== session) return messages;
      return new Map([...messages, ...by(event.data.messages, (message) => message.id)]);
    case "message.delta": {
      const before = messages.get(event.data.message);
      const after = before === undefined ? null : applyDelta(before, event.data);
      return after === null || after === before ? messages : put(messages, after.id, after);
    }
    default:
      return messages;
  }
}
