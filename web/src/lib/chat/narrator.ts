/**
 * Tells a screen reader how an answer comes along: that it began, that it still goes on, that it is finished and how
 * long it is. Never the text itself piece by piece.
 */
import type { Message } from "../api/records";
import { textOf } from "./tree";

/** Between two "still answering" (ms). */
const STILL_MS = 7_000;

export interface Voice {
  readonly say: (text: string) => void;
  readonly cry: (text: string) => void;
}

/** Replies that were asked for before a page showed them: a quick one has ended when it is first seen. */
export const begun = new Set<string>();

export class Narrator {
  readonly #voice: Voice;
  readonly #running = new Set<string>();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(voice: Voice) {
    this.#voice = voice;
  }

  /** Takes in a message as it is now. */
  see(message: Message): void {
    if (message.role !== "assistant") return;
    if (message.state === "streaming") this.#began(message);
    else if (this.#running.delete(message.id) || begun.delete(message.id)) this.#ended(message);
  }

  end(): void {
    this.#running.clear();
    this.#rest();
  }

  #began(message: Message): void {
    begun.delete(message.id);
    if (this.#running.has(message.id)) return;
    this.#running.add(message.id);
    this.#voice.say(this.#running.size === 1 ? "Answering" : `${this.#running.size} models are answering`);
    this.#timer ??= setInterval(() => {
      this.#voice.say("Still answering");
    }, STILL_MS);
  }

  #ended(message: Message): void {
    if (this.#running.size === 0) this.#rest();
    this.#tell(message);
  }

  #tell(message: Message): void {
    if (message.state === "failed") this.#voice.cry(`The answer failed. ${message.error?.message ?? ""}`.trim());
    else if (message.state === "complete") this.#voice.say(`Answer finished, ${words(message)}`);
    else this.#voice.say(`Answer stopped, ${words(message)}`);
  }

  #rest(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function words(message: Message): string {
  const count = textOf(message).split(/\s+/).filter(Boolean).length;
  return count === 1 ? "1 word" : `${count} words`;
}
