/**
 * The API's records by their names. They come from types.ts, which the server's own document generates (`make types`);
 * here are only names, and what the page may leave out when it sends.
 */
import type { components } from "./types";

type Schemas = components["schemas"];

/** Unset is the same as null, so that a page need not name what it does not set. */
export type Params = { [Key in keyof Schemas["Params"]]?: Schemas["Params"][Key] };
/** One fact of a model; `uncertain` is there only when it is. */
export type Capability = Omit<Schemas["Fact"], "uncertain"> & { uncertain?: boolean };

type Lenient<T> = T extends Schemas["Params"]
  ? Params
  : T extends Schemas["Fact"]
    ? Capability
    : T extends (infer Item)[]
      ? Lenient<Item>[]
      : T extends object
        ? { [Key in keyof T]: Lenient<T[Key]> }
        : T;

export type Failure = Schemas["Problem"];

export type SessionSummary = Lenient<Schemas["SessionSummary"]>;
export type Session = Lenient<Schemas["Session"]>;
export type Usage = Lenient<Schemas["Usage"]>;

export type TextPart = Schemas["TextPart"];
export type ReasoningPart = Schemas["ReasoningPart"];
export type ImagePart = Schemas["ImagePart"];
export type DocumentPart = Schemas["DocumentPart"];
export type ToolCallPart = Schemas["ToolCallPart"];
export type ToolResultPart = Schemas["ToolResultPart"];
export type RefusalPart = Schemas["RefusalPart"];

export type Message = Lenient<Schemas["Message"]>;
export type Part = Message["parts"][number];
export type MessageState = Message["state"];
export type CostState = Message["cost_state"];
export type TurnState = Lenient<Schemas["TurnState"]>;

export type EngineState = Lenient<Schemas["EngineState"]>;
export type PullState = Lenient<Schemas["PullState"]>;
export type Memory = Lenient<Schemas["Memory"]>;
export type Model = Lenient<Schemas["ModelView"]>;
export type Models = Lenient<Schemas["Models"]>;
export type Provider = Lenient<Schemas["ProviderView"]>;
export type Providers = Lenient<Schemas["Providers"]>;
/** What another machine holds in memory. */
export type MachineMemory = Lenient<Schemas["MachineMemory"]>;
export type ResidentModel = MachineMemory["models"][number];
export type Engines = Lenient<Schemas["Engines"]>;
export type Hit = Lenient<Schemas["Hit"]>;
export type Prompt = Lenient<Schemas["Prompt"]>;

/** A provider's machine; all of Provider when it comes from a snapshot, these alone when only events told of it. */
export type MachineState = Partial<Provider> & Pick<Provider, "id" | "state" | "since" | "reason" | "models">;

/** The stream's first frame. */
export type Snapshot = Lenient<Schemas["State"]>;

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

/** The server keeps any JSON under a key; these are the keys that pages use. */
export interface Preferences {
  theme?: ThemePreference | null;
  favorite_models?: string[] | null;
  last_model?: string | null;
  sidebar?: Record<string, unknown> | null;
  [key: string]: unknown;
}

export type Event = Lenient<Schemas["Event"]>;
export type EventKind = Event["kind"];
export type EventOf<Kind extends EventKind> = Extract<Event, { kind: Kind }>;
export type DeltaData = EventOf<"message.delta">["data"];
