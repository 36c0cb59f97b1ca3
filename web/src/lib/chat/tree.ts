/**
 * A session's messages as a tree: which ones are on the way to a leaf, which stand beside each other.
 *
 * Pure. Knows: parents, order, roles. Does not know: events, requests.
 */
import type { Message } from "../api/records";

export interface Siblings {
  readonly ids: readonly string[];
  /** Place among them, from 0. */
  readonly at: number;
}

export class Tree {
  readonly #messages: ReadonlyMap<string, Message>;
  readonly #children = new Map<string | null, Message[]>();

  constructor(messages: ReadonlyMap<string, Message>) {
    this.#messages = messages;
    for (const message of messages.values()) {
      // A parent that was deleted leaves its children as beginnings.
      const parent = message.parent !== null && messages.has(message.parent) ? message.parent : null;
      const list = this.#children.get(parent);
      if (list) list.push(message);
      else this.#children.set(parent, [message]);
    }
    for (const list of this.#children.values()) list.sort(inOrder);
  }

  /** Messages from the first one down to `leaf`; if that is unknown, to the newest leaf. */
  path(leaf: string | null): Message[] {
    const found: Message[] = [];
    const seen = new Set<string>();
    let at = (leaf === null ? undefined : this.#messages.get(leaf)) ?? this.newest();
    while (at && !seen.has(at.id)) {
      seen.add(at.id);
      found.push(at);
      at = at.parent === null ? undefined : this.#messages.get(at.parent);
    }
    return found.reverse();
  }

  children(id: string | null): readonly Message[] {
    return this.#children.get(id) ?? [];
  }

  /** The ones of the same role under the same parent, this one included. */
  siblings(message: Message): Siblings {
    const parent = message.parent !== null && this.#messages.has(message.parent) ? message.parent : null;
    const ids = this.children(parent)
      .filter(({ role }) => role === message.role)
      .map(({ id }) => id);
    return { ids, at: ids.indexOf(message.id) };
  }

  /** The leaf that one comes to from a message by the newest child each time: where switching to it leads. */
  below(id: string): string {
    const seen = new Set<string>();
    let at = id;
    for (;;) {
      seen.add(at);
      const next = this.children(at).at(-1);
      if (!next || seen.has(next.id)) return at;
      at = next.id;
    }
  }

  /** The leaf of the sibling `step` places on, null if there is none. */
  switchTo(message: Message, step: number): string | null {
    const { ids, at } = this.siblings(message);
    const id = ids[at + step];
    return id === undefined ? null : this.below(id);
  }

  newest(): Message | undefined {
    let last: Message | undefined;
    for (const message of this.#messages.values()) {
      if (this.children(message.id).length === 0 && (!last || message.created >= last.created)) last = message;
    }
    return last;
  }

  /** Ids of a message and everything below it. */
  subtree(id: string): string[] {
    const found = [id];
    for (let at = 0; at < found.length; at += 1) {
      for (const child of this.children(found[at] ?? "")) if (!found.includes(child.id)) found.push(child.id);
    }
    return found;
  }

  /**
   * The replies to a person's message as columns, at most `most`: of each model the newest, in the order in which the
   * models were first asked.
   */
  columns(user: string, most = 8): Message[] {
    const byModel = new Map<string, Message>();
    for (const reply of this.children(user)) if (reply.role === "assistant") byModel.set(reply.model, reply);
    return [...byModel.values()].slice(0, most);
  }
}

function inOrder(one: Message, other: Message): number {
  return one.order - other.order || one.created - other.created || (one.id < other.id ? -1 : 1);
}

/** The visible text of a message, without reasoning and attachments. */
export function textOf(message: Message): string {
  return message.parts
    .flatMap((part) => (part.type === "text" || part.type === "refusal" ? [part.text] : []))
    .join("\n\n");
}
