/** The sessions in the sidebar: pages of them, kept fresh by events; search; what can be done with one. */
import { api, asApiError, live, query, segment } from "../api";
import type { Event, Hit, SessionSummary } from "../api/records";
import { toast } from "../shell/toasts.svelte";

const PAGE = 60;
const TYPING_MS = 150;

interface Found {
  sessions: SessionSummary[];
  more: boolean;
}

export class SessionList {
  items = $state.raw<readonly SessionSummary[]>([]);
  more = $state(false);
  loaded = $state(false);
  folders = $state.raw<readonly { name: string; sessions: number }[]>([]);
  /** The folder that is shown alone; null: all. */
  folder = $state<string | null>(null);
  typed = $state("");
  hits = $state.raw<readonly Hit[] | null>(null);
  #loading = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #search: AbortController | null = null;

  open(): () => void {
    const stop = live.onAny((event) => {
      this.#take(event);
    });
    void this.load();
    return () => {
      stop();
      clearTimeout(this.#timer);
    };
  }

  async load(): Promise<void> {
    await this.#page(false);
    await this.#quietly(async () => {
      this.folders = (await api.get<{ folders: { name: string; sessions: number }[] }>("/folders")).folders;
    });
  }

  /** The next page, if there is one. */
  async next(): Promise<void> {
    if (this.more) await this.#page(true);
  }

  async #page(on: boolean): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    await this.#quietly(async () => {
      // Pinned ones come first whatever their age: the place to go on from is the last of the others.
      const last = on ? (this.items.findLast(({ pinned }) => !pinned) ?? this.items.at(-1)) : undefined;
      const before = last ? `${last.updated},${last.id}` : "";
      const found = await api.get<Found>(`/sessions${query({ limit: PAGE, before, folder: this.folder })}`);
      this.items = on ? merged(this.items, found.sessions) : found.sessions;
      this.more = found.more;
      this.loaded = true;
    });
    this.#loading = false;
  }

  async choose(folder: string | null): Promise<void> {
    this.folder = folder;
    await this.#page(false);
  }

  /** Searches for what is typed, once the person pauses. */
  search(typed: string): void {
    this.typed = typed;
    clearTimeout(this.#timer);
    this.#search?.abort();
    if (typed.trim() === "") {
      this.hits = null;
      return;
    }
    this.#timer = setTimeout(() => void this.#find(typed), TYPING_MS);
  }

  async #find(typed: string): Promise<void> {
    const search = new AbortController();
    this.#search = search;
    await this.#quietly(async () => {
      const { hits } = await api.get<{ hits: Hit[] }>(`/search${query({ q: typed, limit: 50 })}`, {
        signal: search.signal,
      });
      this.hits = hits;
    });
  }

  async patch(id: string, change: Partial<Pick<SessionSummary, "title" | "folder" | "pinned">>): Promise<void> {
    await this.#quietly(async () => {
      this.#put(await api.patch<SessionSummary>(`/sessions/${segment(id)}`, change));
      if (change.folder !== undefined) await this.load();
    });
  }

  /** Deletes with undo; `after` runs when it is gone. */
  async remove(session: SessionSummary, after: () => void): Promise<void> {
    await this.#quietly(async () => {
      await api.delete(`/sessions/${segment(session.id)}`);
      this.#drop(session.id);
      after();
      const run = (): void =>
        void this.#quietly(async () =>
          this.#put(await api.post<SessionSummary>(`/sessions/${segment(session.id)}/restore`)),
        );
      toast.info("Session deleted", { text: session.title, action: { title: "Undo", run } });
    });
  }

  /** Takes in an exported file; gives the sessions that it held. */
  async take(file: File): Promise<readonly SessionSummary[]> {
    let made: readonly SessionSummary[] = [];
    await this.#quietly(async () => {
      const markdown = /\.(md|markdown)$/i.test(file.name);
      const contentType = markdown ? "text/markdown" : "application/json";
      made = (await api.post<{ sessions: SessionSummary[] }>("/sessions/import", await file.text(), { contentType }))
        .sessions;
      await this.load();
      toast.info(made.length === 1 ? "Session imported" : `${made.length} sessions imported`);
    });
    return made;
  }

  #take(event: Event): void {
    if (event.kind === "session.created" || event.kind === "session.changed") this.#put(event.data.session);
    else if (event.kind === "session.deleted") this.#drop(event.data.id);
  }

  #put(session: SessionSummary): void {
    if (this.folder !== null && session.folder !== this.folder) {
      this.#drop(session.id);
      return;
    }
    const known = this.items.some(({ id }) => id === session.id);
    const oldest = this.items.at(-1);
    // What is older than all that is loaded comes with its page.
    if (!known && this.more && oldest && !session.pinned && session.updated < oldest.updated) return;
    this.items = merged(this.items, [session]);
  }

  #drop(id: string): void {
    this.items = this.items.filter((one) => one.id !== id);
  }

  async #quietly(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      const failure = asApiError(error);
      // Without access or a server the shell says so once for the whole page.
      if (failure.status !== 401 && failure.status !== 0) toast.error(failure);
    }
  }
}

/** Both together, each once, pinned first, then the newest. */
export function merged(items: readonly SessionSummary[], fresh: readonly SessionSummary[]): SessionSummary[] {
  const all = new Map(items.map((one) => [one.id, one]));
  for (const one of fresh) all.set(one.id, one);
  return [...all.values()].sort(
    (one, other) =>
      Number(other.pinned) - Number(one.pinned) || other.updated - one.updated || (one.id < other.id ? 1 : -1),
  );
}

export const sessions = new SessionList();
