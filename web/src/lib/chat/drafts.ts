/**
 * What a person has typed and not yet sent, per session, kept over a reload.
 *
 * Knows: where it is kept. Does not know: the composer.
 */

import type { Params } from "../api/records";

const PREFIX = "hostler:draft:";
/** Drafts of at most this many sessions are kept; the oldest go first. */
const MOST = 50;

/** What was chosen for a session that does not exist yet. */
export interface Setup {
  readonly models: readonly string[];
  readonly system: string;
  readonly params: Params;
}

export interface Draft {
  readonly text: string;
  readonly at: number;
  readonly setup?: Setup;
}

/** The key of what is typed before a session exists. */
export const NEW = "new";

export class Drafts {
  readonly #storage: Storage | null;
  readonly #now: () => number;

  constructor(storage: Storage | null, now: () => number = Date.now) {
    this.#storage = storage;
    this.#now = now;
  }

  read(session: string): string {
    const kept = this.#read(PREFIX + session);
    return kept?.text ?? "";
  }

  setup(session: string): Setup | null {
    const kept = this.#read(PREFIX + session)?.setup;
    return isSetup(kept) ? kept : null;
  }

  /** Keeps the text and what was chosen, or forgets the draft if there is neither; whether it is kept. */
  write(session: string, text: string, setup?: Setup): boolean {
    const storage = this.#storage;
    if (!storage) return text === "";
    try {
      if (text === "" && !setup) storage.removeItem(PREFIX + session);
      else {
        const draft: Draft = { text, at: this.#now(), ...(setup ? { setup } : {}) };
        storage.setItem(PREFIX + session, JSON.stringify(draft));
      }
    } catch {
      // Full, or forbidden: the text is still in the page. What was kept before it is not what stands there now.
      storage.removeItem(PREFIX + session);
      return false;
    }
    this.#sweep(storage);
    return true;
  }

  #sweep(storage: Storage): void {
    const keys = Array.from({ length: storage.length }, (_, n) => storage.key(n) ?? "").filter((key) =>
      key.startsWith(PREFIX),
    );
    if (keys.length <= MOST) return;
    keys.sort((one, other) => (this.#read(one)?.at ?? 0) - (this.#read(other)?.at ?? 0));
    for (const key of keys.slice(0, keys.length - MOST)) storage.removeItem(key);
  }

  #read(key: string): Draft | null {
    try {
      const value: unknown = JSON.parse(this.#storage?.getItem(key) ?? "null");
      return isDraft(value) ? value : null;
    } catch {
      return null;
    }
  }
}

function isDraft(value: unknown): value is Draft {
  return (
    typeof value === "object" &&
    value !== null &&
    "text" in value &&
    typeof value.text === "string" &&
    "at" in value &&
    typeof value.at === "number"
  );
}

function isSetup(value: unknown): value is Setup {
  if (typeof value !== "object" || value === null) return false;
  const { models, system, params } = value as Record<keyof Setup, unknown>;
  const named = Array.isArray(models) && models.every((one) => typeof one === "string");
  return named && typeof system === "string" && typeof params === "object" && params !== null;
}
