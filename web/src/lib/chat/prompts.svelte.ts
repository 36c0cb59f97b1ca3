/** The prompts library: texts to use again. */
import { api, asApiError, segment } from "../api";
import type { Prompt } from "../api/records";
import { toast } from "../shell/toasts.svelte";
import { find } from "../find";

class Prompts {
  list = $state.raw<readonly Prompt[]>([]);
  #asked = false;

  /** Loads them once. */
  async need(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    await this.#try(async () => {
      this.list = (await api.get<{ prompts: Prompt[] }>("/prompts")).prompts;
    });
  }

  find(typed: string): Prompt[] {
    return find(this.list, typed, ({ name }) => name).slice(0, 8);
  }

  async save(id: string | null, name: string, text: string): Promise<boolean> {
    return this.#try(async () => {
      const body = { name, text };
      const kept =
        id === null
          ? await api.post<Prompt>("/prompts", body)
          : await api.patch<Prompt>(`/prompts/${segment(id)}`, body);
      this.list = id === null ? [...this.list, kept] : this.list.map((one) => (one.id === id ? kept : one));
    });
  }

  async remove(prompt: Prompt): Promise<void> {
    await this.#try(async () => {
      await api.delete(`/prompts/${segment(prompt.id)}`);
      this.list = this.list.filter(({ id }) => id !== prompt.id);
      const run = (): void => void this.save(null, prompt.name, prompt.text);
      toast.info("Prompt deleted", { text: prompt.name, action: { title: "Undo", run } });
    });
  }

  async #try(run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      toast.error(asApiError(error));
      return false;
    }
  }
}

export const prompts = new Prompts();
