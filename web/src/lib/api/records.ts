/** The records of the workbench's API by their names; the API document has the same ones. */

export interface Failure {
  code: string;
  message: string;
  hint: string;
}

export interface Params {
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  seed?: number | null;
  max_tokens?: number | null;
  stop?: string[] | null;
  effort?: string | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
}

export interface SessionSummary {
  id: string;
  title: string;
  created: number;
  updated: number;
  pinned: boolean;
  folder: string;
  model: string;
  leaf: string | null;
  messages: number;
  running: boolean;
  prior: boolean;
}

export interface Session extends SessionSummary {
  system: string;
  params: Params;
  forked_from: { session: string; message: string } | null;
}

export interface Usage {
  input: number | null;
  cache_read: number | null;
  cache_write: number | null;
  output: number | null;
  reasoning: number | null;
}

export interface TextPart {
  type: "text";
  text: string;
}
export interface ReasoningPart {
  type: "reasoning";
  text: string;
  duration_ms: number | null;
  redacted: boolean;
}
export interface ImagePart {
  type: "image";
  media_type: string;
  data: string;
  name: string;
}
export interface DocumentPart {
  type: "document";
  name: string;
  text: string;
}
export interface ToolCallPart {
  type: "tool_call";
  id: string;
  name: string;
  arguments: string;
}
export interface ToolResultPart {
  type: "tool_result";
  call_id: string;
  text: string;
  is_error: boolean;
}
export interface RefusalPart {
  type: "refusal";
  text: string;
}
export type Part = TextPart | ReasoningPart | ImagePart | DocumentPart | ToolCallPart | ToolResultPart | RefusalPart;

export type MessageState = "complete" | "streaming" | "failed" | "cancelled" | "interrupted";
export type CostState = "known" | "local" | "unknown";

export interface Message {
  id: string;
  session: string;
  parent: string | null;
  role: "user" | "assistant" | "system";
  state: MessageState;
  parts: Part[];
  model: string;
  created: number;
  order: number;
  usage: Usage | null;
  cost: number | null;
  cost_state: CostState;
  ttft_ms: number | null;
  duration_ms: number | null;
  finish: string;
  error: Failure | null;
  edited: boolean;
  params: Params;
}

export interface TurnState {
  session: string;
  message: Message;
}

export interface EngineState {
  model: string;
  state: "starting" | "ready" | "stopping" | "stopped" | "failed" | "waiting";
  in_flight: number;
  pid: number | null;
  port: number | null;
  memory: number | null;
  predicted: number | null;
  since: number | null;
  fraction: number | null;
  error: Failure | null;
  last_used: number | null;
}

/** A provider's machine; all of Provider when it comes from a snapshot, the first five when only events told of it. */
export interface MachineState extends Partial<Provider> {
  id: string;
  state: string;
  since: number | null;
  reason: string;
  models: number;
}

export interface PullState {
  id: string;
  spec: string;
  state: "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number | null;
  model: string;
  error: Failure | null;
}

export interface Memory {
  total: number;
  available: number;
}

export interface Snapshot {
  version: string;
  turns: TurnState[];
  engines: EngineState[];
  machines: MachineState[];
  pulls: PullState[];
  memory: Memory;
}

export interface Capability {
  value: unknown;
  source: string;
  as_of: string | null;
}

export interface Model {
  id: string;
  provider: string;
  model: string;
  state: "ready" | "down" | "unknown";
  context: number | null;
  capabilities: Record<string, Capability>;
  local: boolean;
  engine: EngineState | null;
  size: number | null;
  needs: number | null;
}

export interface Models {
  default: string;
  favorites: string[];
  models: Model[];
}

export interface Provider {
  id: string;
  label: string;
  kind: string;
  wire: string;
  state: string;
  since: number | null;
  reason: string;
  advice: string;
  ready: boolean;
  models: number;
  tags: string[];
  base_url: string;
  local: boolean;
}

export interface Providers {
  path: string;
  exists: boolean;
  error: string;
  warnings: string[];
  default: string;
  providers: Provider[];
}

export interface Engines {
  engines: EngineState[];
  memory: Memory & { limit: number | null; reserve: number | null };
}

export interface Hit {
  session: string;
  title: string;
  message: string | null;
  role: string;
  snippet: string;
  created: number;
}

export interface Prompt {
  id: string;
  name: string;
  text: string;
  created: number;
  updated: number;
}

export interface PaletteTuning {
  brightness: number;
  contrast: number;
  gamma: number;
  prior_amount: number;
}

export type ThemeMode = "system" | "light" | "dark" | "contrast";

export interface ThemePreference {
  mode: ThemeMode;
  palette: string;
  palettes: Record<string, PaletteTuning>;
}

export interface Preferences {
  theme?: ThemePreference | null;
  favorite_models?: string[] | null;
  last_model?: string | null;
  sidebar?: Record<string, unknown> | null;
  [key: string]: unknown;
}

/** One member of the union for each kind, so that a kind narrows it. */
type Of<Kind extends string, Data> = Kind extends string ? { seq: number; at: number; kind: Kind; data: Data } : never;

export interface DeltaData {
  session: string;
  message: string;
  part: number;
  type: "text" | "reasoning";
  at: number;
  text: string;
}

/** Events of the parts below the workbench: what the page uses of them. */
export interface EngineEventData {
  model: string;
  predicted_bytes?: number | null;
  fraction?: number | null;
  pid?: number | null;
  port?: number | null;
  code?: string;
  message?: string;
  reason?: string;
}

export type Event =
  | Of<"session.created" | "session.changed", { session: SessionSummary }>
  | Of<"session.deleted", { id: string }>
  | Of<"message.created" | "message.changed", { session: string; message: Message }>
  | Of<"message.delta", DeltaData>
  | Of<"message.deleted", { session: string; ids: string[] }>
  | Of<"message.restored", { session: string; messages: Message[] }>
  | Of<"preferences.changed", { keys: string[] }>
  | Of<"pull.progress" | "pull.done" | "pull.failed", { pull: PullState }>
  | Of<"engine.log", { model: string; lines: string[] }>
  | Of<
      | "engine.starting"
      | "engine.waiting"
      | "engine.progress"
      | "engine.ready"
      | "engine.failed"
      | "engine.crashed"
      | "engine.stopping"
      | "engine.stopped",
      EngineEventData
    >
  | Of<"worker.ready" | "worker.ended", Record<string, unknown>>
  | Of<"providers.loaded" | "providers.refused", Record<string, unknown>>
  | Of<"machine.up" | "machine.down", { provider: string; models?: number | string[]; reason?: string }>
  | Of<"models.changed", { provider: string }>;

export type EventKind = Event["kind"];
export type EventOf<Kind extends EventKind> = Extract<Event, { kind: Kind }>;
