/** Begins a session with its first message. */
import { api, asApiError, segment } from "../api";
import type { Message, Params, Part, Session } from "../api/records";
import { toast } from "../shell/toasts.svelte";
import { begun } from "./narrator";

export interface Beginning {
  readonly parts: Part[];
  readonly models: string[];
  readonly system: string;
  readonly params: Params;
}

/** The new session's id, null if it could not be begun; then the person has been told why. */
export async function begin({ parts, models, system, params }: Beginning): Promise<string | null> {
  try {
    const { id } = await api.post<Session>("/sessions", { model: models[0] ?? "", system, params });
    const { replies } = await api.post<{ replies: Message[] }>(`/sessions/${segment(id)}/turns`, { parent: null, parts, models });
    for (const reply of replies) begun.add(reply.id);
    return id;
  } catch (error) {
    toast.error(asApiError(error), "The message was not sent");
    return null;
  }
}
