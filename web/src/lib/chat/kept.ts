/**
 * Attachments of drafts, kept in the browser over a reload.
 *
 * Knows: the browser's database, how much of it is used. Does not know: the composer, what is written.
 */
import type { DocumentPart, ImagePart } from "../api/records";

export type KeptPart = DocumentPart | ImagePart;

interface Row {
  readonly draft: string;
  readonly at: number;
  readonly parts: readonly KeptPart[];
}

/** The attachments of one draft are kept up to this size (characters of text and of base64). */
export const LARGEST_KEPT = 20 * 1024 * 1024;
/** Attachments of at most this many drafts are kept; the oldest go first. */
const MOST = 10;
const STORE = "attachments";

/** What they would take, in characters. */
export function sizeOf(parts: readonly KeptPart[]): number {
  return parts.reduce((sum, part) => sum + (part.type === "image" ? part.data.length : part.text.length), 0);
}

export class Kept {
  #opened: Promise<IDBDatabase> | null = null;

  /** Those of a draft; none where the browser keeps nothing. */
  async read(draft: string): Promise<readonly KeptPart[]> {
    try {
      const store = (await this.#database()).transaction(STORE).objectStore(STORE);
      const row = await done(store.get(draft) as IDBRequest<Row | undefined>);
      return row?.parts ?? [];
    } catch {
      // Forbidden by the browser, or broken: there is nothing to show then, and writing says so.
      return [];
    }
  }

  /**
   * Keeps them, or forgets them when there are none; why they are not kept, "" when they are. The browser does one
   * write after the other, in the order of the calls.
   */
  async write(draft: string, parts: readonly KeptPart[]): Promise<string> {
    const large = sizeOf(parts) > LARGEST_KEPT;
    try {
      const database = await this.#database();
      const change = database.transaction(STORE, "readwrite");
      const store = change.objectStore(STORE);
      if (large || parts.length === 0) store.delete(draft);
      else store.put({ draft, at: Date.now(), parts } satisfies Row);
      // Not when this page hears that it went well: left before, it would take what it wrote along.
      change.commit();
      await ended(change);
      await sweep(database.transaction(STORE, "readwrite").objectStore(STORE));
    } catch {
      // Full or forbidden: they are still in the page.
      return parts.length === 0 ? "" : "This browser does not keep them: attachments are lost on a reload.";
    }
    return large ? "Together over 20 MiB: these attachments are lost on a reload." : "";
  }

  #database(): Promise<IDBDatabase> {
    this.#opened ??= new Promise((given, failed) => {
      const asked = indexedDB.open("hostler-drafts", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore(STORE, { keyPath: "draft" }).createIndex("at", "at");
      };
      asked.onsuccess = () => {
        given(asked.result);
      };
      asked.onerror = () => {
        failed(asked.error ?? new Error("the browser's database cannot be opened"));
      };
    });
    return this.#opened;
  }
}

/** Takes the oldest away when there are too many. */
async function sweep(store: IDBObjectStore): Promise<void> {
  const surplus = (await done(store.count())) - MOST;
  if (surplus <= 0) return;
  const walk = store.index("at").openKeyCursor();
  let left = surplus;
  walk.onsuccess = () => {
    const cursor = walk.result;
    if (!cursor || left === 0) return;
    left -= 1;
    store.delete(cursor.primaryKey);
    cursor.continue();
  };
}

function ended(change: IDBTransaction): Promise<void> {
  return new Promise((given, failed) => {
    change.oncomplete = () => {
      given();
    };
    change.onabort = () => {
      failed(change.error ?? new Error("the browser's database refused"));
    };
  });
}

function done<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((given, failed) => {
    asked.onsuccess = () => {
      given(asked.result);
    };
    asked.onerror = () => {
      failed(asked.error ?? new Error("the browser's database refused"));
    };
  });
}
