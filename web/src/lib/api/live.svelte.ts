/** What the server runs right now, for every page: one stream, folded once per frame. */
import { openEvents, type Connection } from "./events";
import { EMPTY, fold, fromSnapshot, mended, type LiveState } from "./fold";
import type { Frame } from "./events";
import { FrameQueue } from "./frames";
import { onNoAccess } from "./http";
import type { Event, EventKind, EventOf, Message } from "./records";

type Listener = (event: Event) => void;

class Live {
  /** Replaced, never changed in place; what an event does not touch stays the identical object. */
  state = $state.raw<LiveState>(EMPTY);
  connection = $state<Connection>("connecting");
  /** Grows with each snapshot: a page that keeps messages of its own loads them again when it changes. */
  snapshots = $state(0);

  #listeners = new Map<EventKind | "*", Set<Listener>>();
  #queue = new FrameQueue<Frame>((frames) => this.#apply(frames));
  #close: (() => void) | null = null;

  /** Open the stream; App does it once. */
  start(): () => void {
    const stopRefused = onNoAccess(() => (this.connection = "no-access"));
    this.#close = openEvents({
      frame: (frame) => this.#queue.push(frame),
      connection: (connection) => (this.connection = connection),
    });
    return () => {
      stopRefused();
      this.#close?.();
      this.#close = null;
    };
  }

  /** Call `listener` for every event of a kind, after the state has it; returns how to stop. */
  on<Kind extends EventKind>(kind: Kind, listener: (event: EventOf<Kind>) => void): () => void {
    return this.#add(kind, listener as Listener);
  }

  /** Call `listener` for every event. */
  onAny(listener: Listener): () => void {
    return this.#add("*", listener);
  }

  /** What GET /sessions/{id} told, to mend a hole in a running reply. */
  mend(session: string, messages: readonly Message[]): void {
    this.state = mended(this.state, session, messages);
  }

  #add(kind: EventKind | "*", listener: Listener): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #apply(frames: Frame[]): void {
    let state = this.state;
    let snapshots = 0;
    const fresh: Event[] = [];
    for (const frame of frames) {
      if (frame.type === "snapshot") {
        state = fromSnapshot(frame.state, frame.seq, state);
        snapshots += 1;
      } else if (frame.type === "events") {
        for (const event of frame.events) {
          if (event.seq <= state.seq) continue;
          state = fold(state, event);
          fresh.push(event);
        }
      }
    }
    this.state = state;
    this.snapshots += snapshots;
    for (const event of fresh) {
      for (const listener of this.#listeners.get(event.kind) ?? []) listener(event);
      for (const listener of this.#listeners.get("*") ?? []) listener(event);
    }
  }
}

export const live = new Live();
