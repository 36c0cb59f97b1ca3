/**
 * The state of an open session: its messages as they stand, the way through them, and what can be done.
 *
 * Each message lies in a cell of its own, so that text that arrives touches the one component that shows it; the tree
 * is only built anew when messages come or go.
 *
 * Knows: the API's requests about one session, its events. Does not know: what anything looks like.
 */
import { untrack } from "svelte";

import { alarm, announce } from "../a11y/announce.svelte";
import { api, applyDelta, asApiError, live, segment } from "../api";
import { ApiError } from "../api/http";
import type { DeltaData, Event, Message, Params, Part, Session, SessionSummary } from "../api/records";
import { toast } from "../shell/toasts.svelte";
import { Narrator } from "./narrator";
import { Tree } from "./tree";

export class Cell {
  message = $state.raw() as Message;

  constructor(message: Message) {
    this.message = message;
  }
}

export interface Ask {
  models: string[];
  params?: Params;
}

interface Loaded {
  session: Session;
  messages: Message[];
}

/** Code of the failure that is shown once the session was deleted under the page. */
export const DELETED = "deleted";

/** Reloads that a hole in the text asks for come no faster than this (ms): the server stores text twice a second. */
const RELOAD_MS = 600;

export class ChatSession {
  readonly id: string;
  session = $state.raw<Session | null>(null);
  failure = $state.raw<ApiError | null>(null);
  leaf = $state<string | null>(null);
  /** The person wants to go on with a session of before. */
  continued = $state(false);
  /** Replies whose stop was asked for. */
  stopping = $state.raw<ReadonlySet<string>>(new Set());

  readonly #cells = new Map<string, Cell>();
  #shape = $state(0);
  #waiting: Event[] | null = null;
  #reload: ReturnType<typeof setTimeout> | null = null;
  #opening: Promise<void> | null = null;
  readonly #narrator = new Narrator({ say: announce, cry: alarm });

  /** Built anew only when messages come or go. */
  readonly tree = $derived.by(() => {
    void this.#shape;
    return untrack(() => new Tree(new Map([...this.#cells].map(([id, cell]) => [id, cell.message]))));
  });
  readonly path = $derived(this.tree.path(this.leaf).map(({ id }) => id));
  /** Replies that are being written, wherever in the tree: kept apart, so that nothing has to look at every message. */
  #live = $state.raw<ReadonlySet<string>>(new Set());
  readonly running = $derived(this.#live.size === 0 ? [] : this.path.filter((id) => this.#live.has(id)));
  readonly prior = $derived((this.session?.prior ?? false) && !this.continued);

  constructor(id: string) {
    this.id = id;
  }

  cell(id: string): Cell | undefined {
    return this.#cells.get(id);
  }

  message(id: string): Message | undefined {
    return this.#cells.get(id)?.message;
  }

  /** Loads and follows the session; returns how to end. */
  open(): () => void {
    const stop = live.onAny((event) => {
      this.#take(event);
    });
    this.#opening = this.load();
    return () => {
      stop();
      this.#narrator.end();
      if (this.#reload) clearTimeout(this.#reload);
    };
  }

  /** Until its messages are here, or are known not to come: before that nobody knows whom to ask, and after what. */
  async waitOpened(): Promise<void> {
    await this.#opening;
  }

  async load(): Promise<void> {
    this.#waiting ??= [];
    try {
      const { session, messages } = await api.get<Loaded>(`/sessions/${segment(this.id)}`);
      this.#set(session, messages);
      this.failure = null;
    } catch (error) {
      this.failure = asApiError(error);
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const event of waiting) this.#take(event);
  }

  #set(session: Session, messages: readonly Message[]): void {
    live.mend(this.id, messages);
    const known = new Set(messages.map(({ id }) => id));
    for (const id of this.#cells.keys()) if (!known.has(id)) this.#cells.delete(id);
    for (const message of messages) this.#put(live.state.turns.get(message.id)?.message ?? message);
    this.session = session;
    this.leaf = session.leaf;
    this.#shape += 1;
  }

  #put(message: Message): void {
    const cell = this.#cells.get(message.id);
    if (cell) cell.message = message;
    else {
      this.#cells.set(message.id, new Cell(message));
      this.#shape += 1;
    }
    this.#narrator.see(message);
    this.#mark(message.id, message.state === "streaming");
    if (message.state !== "streaming" && this.stopping.has(message.id)) {
      this.stopping = new Set([...this.stopping].filter((id) => id !== message.id));
    }
  }

  #mark(id: string, running: boolean): void {
    if (this.#live.has(id) === running) return;
    const live = new Set(this.#live);
    if (running) live.add(id);
    else live.delete(id);
    this.#live = live;
  }

  #take(event: Event): void {
    if (this.#waiting) {
      this.#waiting.push(event);
      return;
    }
    switch (event.kind) {
      case "message.created":
      case "message.changed":
        if (event.data.session === this.id) this.#whole(event.data.message);
        break;
      case "message.delta":
        if (event.data.session === this.id) this.#delta(event.data);
        break;
      case "message.deleted":
        if (event.data.session === this.id) this.#drop(event.data.ids);
        break;
      case "message.restored":
        if (event.data.session === this.id) for (const message of event.data.messages) this.#put(message);
        break;
      case "session.changed":
        if (event.data.session.id === this.id) this.#summary(event.data.session);
        break;
      case "session.deleted":
        if (event.data.id === this.id) this.#gone();
        break;
      case "session.created":
        // Restored, here or elsewhere.
        if (event.data.session.id === this.id && !this.session) void this.load();
        break;
      default:
        break;
    }
  }

  /** Deleted, here or elsewhere: what is shown could not be gone on with. */
  #gone(): void {
    this.session = null;
    const message = "This session was deleted.";
    this.failure = new ApiError(404, { code: DELETED, message, hint: "It can be restored for a week." });
  }

  /** Undoes the session's own deletion; the event of its return loads it. */
  async restore(): Promise<void> {
    await this.#try("The session did not come back", async () => {
      await api.post(`/sessions/${segment(this.id)}/restore`);
    });
  }

  #whole(message: Message): void {
    const known = this.message(message.id);
    // An event from before the load may know less of a running reply than the load did.
    if (known?.state === "streaming" && message.state === "streaming" && length(message) < length(known)) return;
    this.#put(message);
  }

  #delta(delta: DeltaData): void {
    const cell = this.#cells.get(delta.message);
    const after = cell ? applyDelta(cell.message, delta) : null;
    if (cell && after) {
      cell.message = after;
      return;
    }
    const whole = live.state.turns.get(delta.message)?.message;
    if (whole && (!cell || length(whole) > length(cell.message))) this.#put(whole);
    else
      this.#reload ??= setTimeout(() => {
        this.#reload = null;
        void this.load();
      }, RELOAD_MS);
  }

  #drop(ids: readonly string[]): void {
    const gone = new Set(ids);
    const leaf = this.leaf;
    if (leaf !== null && gone.has(leaf)) {
      const above = this.tree.path(leaf).findLast(({ id }) => !gone.has(id));
      this.leaf = above ? above.id : null;
    }
    for (const id of ids) {
      this.#cells.delete(id);
      this.#mark(id, false);
    }
    this.#shape += 1;
  }

  #summary(summary: SessionSummary): void {
    if (!this.session) return;
    this.session = { ...this.session, ...summary };
    if (summary.leaf !== null && this.#cells.has(summary.leaf)) this.leaf = summary.leaf;
  }

  /** Shows the branch that ends in `leaf`, and keeps it. */
  async show(leaf: string): Promise<void> {
    this.leaf = leaf;
    await this.patch({ leaf });
  }

  async patch(
    change: Partial<Pick<Session, "title" | "folder" | "pinned" | "model" | "system" | "params" | "leaf">>,
  ): Promise<void> {
    await this.#try("The change was not kept", async () => {
      this.session = await api.patch<Session>(`/sessions/${segment(this.id)}`, change);
    });
  }

  async send(parts: Part[], ask: Ask): Promise<boolean> {
    await this.waitOpened();
    if (!this.session) return false;
    this.continued = true;
    const parent = this.path.at(-1) ?? null;
    return this.#try("The message was not sent", async () => {
      const made = await api.post<{ user: Message; replies: Message[] }>(`/sessions/${segment(this.id)}/turns`, {
        parent,
        parts,
        ...ask,
      });
      this.#arrived([made.user, ...made.replies], made.replies[0]);
    });
  }

  async regenerate(id: string, models?: string[]): Promise<void> {
    this.continued = true;
    await this.#try("No new answer was begun", async () => {
      const made = await api.post<{ replies: Message[] }>(
        `/messages/${segment(id)}/regenerate`,
        models ? { models } : {},
      );
      this.#arrived(made.replies, made.replies[0]);
    });
  }

  async goOn(id: string): Promise<void> {
    this.continued = true;
    await this.#try("The answer does not go on", async () => {
      await api.post(`/messages/${segment(id)}/continue`);
    });
  }

  async edit(id: string, parts: Part[], send: boolean, models?: string[]): Promise<boolean> {
    this.continued = true;
    return this.#try("The change was not kept", async () => {
      const body = { parts, send, ...(models ? { models } : {}) };
      const made = await api.post<{ message: Message; replies?: Message[] }>(`/messages/${segment(id)}/edit`, body);
      const replies = made.replies ?? [];
      this.#arrived([made.message, ...replies], replies[0] ?? made.message);
    });
  }

  /** Stops replies. One that has ended by itself meanwhile is no failure. */
  async stop(ids: readonly string[] = this.running): Promise<void> {
    const wanted = ids.filter((id) => !this.stopping.has(id));
    this.stopping = new Set([...this.stopping, ...wanted]);
    await Promise.all(
      wanted.map(async (id) => {
        try {
          const { message } = await api.post<{ message: Message }>(`/messages/${segment(id)}/stop`);
          this.#put(message);
        } catch (error) {
          this.stopping = new Set([...this.stopping].filter((other) => other !== id));
          const failure = asApiError(error);
          if (failure.status !== 409) toast.error(failure, "The answer was not stopped");
        }
      }),
    );
  }

  /** Deletes a message with all below it, and offers to take that back. */
  async remove(id: string): Promise<void> {
    const leaf = this.leaf;
    await this.#try("The message was not deleted", async () => {
      const { ids } = await api.delete<{ ids: string[] }>(`/messages/${segment(id)}`);
      this.#drop(ids.filter((one) => this.#cells.has(one)));
      const run = (): void => void this.#restore(id, leaf);
      toast.info(ids.length === 1 ? "Message deleted" : `${ids.length} messages deleted`, {
        action: { title: "Undo", run },
      });
    });
  }

  async #restore(id: string, leaf: string | null): Promise<void> {
    await this.#try("The message did not come back", async () => {
      const { messages } = await api.post<{ messages: Message[] }>(`/messages/${segment(id)}/restore`);
      for (const message of messages) this.#put(message);
      if (leaf !== null && this.#cells.has(leaf)) await this.show(leaf);
    });
  }

  /** Makes a session of its own from here; gives its id. */
  async fork(message: string, mode: "path" | "branches" | "tail"): Promise<string | null> {
    let id: string | null = null;
    await this.#try("The session was not forked", async () => {
      id = (await api.post<Session>(`/sessions/${segment(this.id)}/fork`, { message, mode })).id;
    });
    return id;
  }

  #arrived(messages: readonly Message[], leaf: Message | undefined): void {
    for (const message of messages) {
      // What events have told is newer than an answer that was on its way meanwhile: a quick reply has ended by then.
      if (!this.#cells.has(message.id)) this.#put(live.state.turns.get(message.id)?.message ?? message);
    }
    if (leaf) this.leaf = leaf.id;
  }

  async #try(before: string, run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      toast.error(asApiError(error), before);
      return false;
    }
  }
}

function length(message: Message): number {
  return message.parts.reduce((sum, part) => sum + ("text" in part ? part.text.length : 0), 0);
}
