/**
 * What a person has typed and not yet sent, per session, kept over a reload.
 *
 * Knows: where it is kept. Does not know: the composer.
 */

const PREFIX = "hostler:draft:";
/** Drafts of at most this many sessions are kept; the oldest go first. */
const MOST = 50;

export interface Draft {
  readonly text: string;
  readonly at: number;
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

  /** Keeps the text, or forgets the draft if it is empty. A browser that keeps nothing is no reason to fail. */
  write(session: string, text: string): void {
    const storage = this.#storage;
    if (!storage) return;
    try {
      if (text === "") storage.removeItem(PREFIX + session);
      else storage.setItem(PREFIX + session, JSON.stringify({ text, at: this.#now() } satisfies Draft));
    } catch {
      // Full, or forbidden: the text is still in the page.
      return;
    }
    this.#sweep(storage);
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
