/** Short notices at the edge of the page: errors, and things that can be undone. Each is announced as well. */
import { alarm, announce } from "$lib/a11y/announce.svelte";
import type { ApiError } from "$lib/api/http";

export interface Toast {
  id: number;
  kind: "info" | "error";
  title: string;
  text: string;
  action?: { title: string; run: () => void };
}

export interface ToastOptions {
  text?: string;
  action?: Toast["action"];
  /** How long it stays; 0: until it is closed. */
  ms?: number;
}

class Toasts {
  items = $state<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** A notice; with an action it stays 10 s, else 5 s. Returns its id. */
  info(title: string, { text = "", action, ms = action ? 10_000 : 5_000 }: ToastOptions = {}): number {
    announce([title, text, action ? `${action.title} is possible with Alt+Z.` : ""].filter(Boolean).join(". "));
    return this.#add({ kind: "info", title, text, ...(action ? { action } : {}) }, ms);
  }

  /** An error with what to do about it; it stays until it is closed. `before` says what did not work. */
  error(error: Pick<ApiError, "message" | "hint">, before = ""): number {
    const title = before === "" ? error.message : before;
    const text = [before === "" ? "" : error.message, error.hint].filter(Boolean).join(" ");
    alarm(`Error: ${title} ${text}`);
    const same = this.items.find((item) => item.title === title && item.text === text);
    return same?.id ?? this.#add({ kind: "error", title, text }, 0);
  }

  close(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.items = this.items.filter((item) => item.id !== id);
  }

  /** The newest notice that something can be done about, mostly undone. */
  get newest(): Toast | undefined {
    return this.items.findLast((item) => item.action);
  }

  /** Does what a notice offers; it goes. */
  act(item: Toast | undefined): void {
    if (!item) return;
    this.close(item.id);
    item.action?.run();
  }

  /** The pointer or the focus is on it: it stays. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  #add(item: Omit<Toast, "id">, ms: number): number {
    const id = this.#next;
    this.#next += 1;
    this.items = [...this.items, { ...item, id }].slice(-4);
    if (ms > 0) this.#timers.set(id, setTimeout(() => this.close(id), ms));
    return id;
  }
}

export const toast = new Toasts();
