/** The tab's one event stream: parses its frames and says whether the server can be heard. */
import type { Event, Snapshot } from "./records";

export type Connection = "connecting" | "online" | "offline" | "no-access";

export type Frame =
  | { type: "snapshot"; seq: number; state: Snapshot }
  | { type: "events"; events: Event[] }
  | { type: "gap"; first: number; last: number };

export interface StreamHandlers {
  frame: (frame: Frame) => void;
  connection: (connection: Connection) => void;
}

const PATH = "/hostler/api/events";
const RETRY_MS = 1000;

/** Opens the stream and keeps it open; returns how to end it. The browser itself comes back with Last-Event-ID. */
export function openEvents(handlers: StreamHandlers): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  let ended = false;

  const open = (): void => {
    source = new EventSource(last === "" ? PATH : `${PATH}?since=${encodeURIComponent(last)}`);
    source.onopen = () => handlers.connection("online");
    source.onerror = () => void lost();
    const listen = (name: string, read: (data: unknown) => Frame): void =>
      source?.addEventListener(name, (event) => {
        if (event.lastEventId !== "") last = event.lastEventId;
        handlers.frame(read(JSON.parse(event.data as string)));
      });
    listen("snapshot", (data) => ({ type: "snapshot", ...(data as { seq: number; state: Snapshot }) }));
    listen("events", (data) => ({ type: "events", events: data as Event[] }));
    listen("gap", (data) => ({ type: "gap", ...(data as { first: number; last: number }) }));
  };

  // EventSource hides the status, and gives up for good on anything but a 200: ask why, and go on by ourselves.
  const lost = async (): Promise<void> => {
    if (ended) return;
    handlers.connection("offline");
    if (source?.readyState !== EventSource.CLOSED) return;
    const status = await statusOf();
    if (ended) return;
    if (status === 401) handlers.connection("no-access");
    else timer = setTimeout(open, RETRY_MS);
  };

  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
  };
}

async function statusOf(): Promise<number> {
  try {
    return (await fetch("/hostler/api/preferences", { credentials: "same-origin" })).status;
  } catch {
    // No answer at all: the server is away, which 0 says here.
    return 0;
  }
}
