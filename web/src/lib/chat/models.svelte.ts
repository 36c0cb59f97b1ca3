/** The models that can be asked, for the picker; asked for again when an event says that they changed. */
import { api, asApiError, live } from "../api";
import type { ApiError } from "../api/http";
import type { Event, Model, Models, Preferences } from "../api/records";
import { toast } from "../shell/toasts.svelte";
import { firstChoice } from "./picker";

const SETTLE_MS = 80;
const CHANGES = /^(providers\.|machine\.|models\.|engine\.(ready|failed|crashed|stopped)|pull\.done)/;

class ChatModels {
  list = $state.raw<readonly Model[]>([]);
  favorites = $state.raw<readonly string[]>([]);
  preset = $state("");
  last = $state("");
  loaded = $state(false);
  failure = $state.raw<ApiError | null>(null);
  /** The list is on its way for the first time. */
  readonly pending = $derived(!this.loaded && this.failure === null);
  readonly byId = $derived(new Map(this.list.map((model) => [model.id, model])));
  #users = 0;
  #first: Promise<void> = Promise.resolve();
  #stop: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Keeps the list fresh while somebody looks at it; returns how to end. */
  use(): () => void {
    this.#users += 1;
    if (this.#users === 1) {
      this.#first = this.load();
      this.#stop = live.onAny((event) => {
        this.#heard(event);
      });
    }
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#stop?.();
      clearTimeout(this.#timer);
    };
  }

  /** Until the list is there, or is known not to come; for those who use it. */
  async waitListed(): Promise<void> {
    if (this.pending) await this.#first;
  }

  async load(): Promise<void> {
    try {
      const [found, kept] = await Promise.all([
        api.get<Models>("/models"),
        api.get<{ preferences: Preferences }>("/preferences"),
      ]);
      this.list = found.models;
      this.favorites = found.favorites;
      this.preset = found.default;
      this.last = kept.preferences.last_model ?? "";
      this.failure = null;
      this.loaded = true;
    } catch (error) {
      this.failure = asApiError(error);
    }
  }

  /** The model to ask where nothing else was said; `wanted` come first. */
  choose(...wanted: (string | null | undefined)[]): string {
    return firstChoice(this.list, [...wanted, this.last, this.preset]);
  }

  async remember(id: string): Promise<void> {
    if (id === this.last) return;
    this.last = id;
    await this.#keep({ last_model: id });
  }

  async toggleFavorite(id: string): Promise<void> {
    const liked = this.favorites.includes(id);
    this.favorites = liked ? this.favorites.filter((one) => one !== id) : [...this.favorites, id];
    await this.#keep({ favorite_models: [...this.favorites] });
  }

  async #keep(change: Preferences): Promise<void> {
    try {
      await api.patch("/preferences", change);
    } catch (error) {
      toast.error(asApiError(error), "The choice was not kept");
    }
  }

  #heard(event: Event): void {
    const liked = event.kind === "preferences.changed" && event.data.keys.includes("favorite_models");
    if (!liked && !CHANGES.test(event.kind)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), SETTLE_MS);
  }
}

export const chatModels = new ChatModels();
