/** What can be done on the page: the palette lists it, its keys run it. Pages add theirs while they are open. */
import { untrack } from "svelte";

import { composing, pressed, worksWhileTyping } from "./keys";

export interface Command {
  /** Unique; a later command with the same id hides the earlier one until it goes. */
  id: string;
  title: string;
  /** The heading it stands under in the palette and the help sheet. */
  group?: string;
  /** Combinations as lib/keys writes them; the first is shown. */
  keys?: readonly string[];
  /** More words to find it by. */
  words?: string;
  /** Shown after the title: a model's provider, a session's date. */
  detail?: string;
  /** False: it cannot be done now; it is not listed and its keys do nothing. */
  enabled?: () => boolean;
  /** Keys only: not in the palette ("next message"). */
  hidden?: boolean;
  run: () => void;
}

/** More entries for what somebody typed into the palette: sessions, messages, models. */
export type CommandSource = (text: string, signal: AbortSignal) => Promise<Command[]>;

const CHORD_MS = 900;

class Commands {
  #added = $state.raw<readonly Command[]>([]);
  sources = $state.raw<readonly CommandSource[]>([]);
  paletteOpen = $state(false);
  helpOpen = $state(false);
  #first = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** All that are there, the newest of an id only. */
  all = $derived([...new Map(this.#added.map((command) => [command.id, command])).values()]);

  /** Add commands; returns how to take them away. In a component: `$effect(() => commands.add([...]))`. */
  add(list: readonly Command[]): () => void {
    // Untracked on purpose: an effect that adds must not run again because something was added.
    this.#added = [...this.#peek(), ...list];
    return () => (this.#added = this.#peek().filter((command) => !list.includes(command)));
  }

  /** Add a source of entries; returns how to take it away. */
  addSource(source: CommandSource): () => void {
    this.sources = [...this.sources, source];
    return () => (this.sources = this.sources.filter((other) => other !== source));
  }

  /** The page's one key handler. */
  onKeydown = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || composing(event)) return;
    const now = pressed(event);
    // What is typed ahead while the palette is still loading is meant for it, not for the page behind.
    const typing = this.paletteOpen || this.helpOpen || isTyping(event.target);
    const chord = this.#first === "" ? "" : `${this.#first} ${now}`;
    clearTimeout(this.#timer);
    const usable = this.all.filter((command) => command.enabled?.() !== false);
    const match = (wanted: string): Command | undefined =>
      wanted === "" ? undefined : usable.findLast((command) => command.keys?.some((keys) => keys === wanted && (!typing || worksWhileTyping(keys))));
    const found = match(chord) ?? match(now);
    this.#first = "";
    if (found) {
      event.preventDefault();
      found.run();
    } else if (!typing && usable.some((command) => command.keys?.some((keys) => keys.startsWith(`${now} `)))) {
      this.#first = now;
      this.#timer = setTimeout(() => (this.#first = ""), CHORD_MS);
    }
  };

  #peek(): readonly Command[] {
    return untrack(() => this.#added);
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest('[role="dialog"], [role="alertdialog"], [role="menu"]')) return true;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type);
}

export const commands = new Commands();
