/** Paths and the pages behind them. Pure. */

export type PageName = "chat" | "models" | "compare" | "settings" | "missing";

export interface Route {
  page: PageName;
  /** The session of /chat/:id, else "". */
  id: string;
  path: string;
}

export const TITLES: Record<PageName, string> = {
  chat: "Chat",
  models: "Models",
  compare: "Side by side",
  settings: "Settings",
  missing: "Not found",
};

const PLAIN: Record<string, PageName> = { "/": "chat", "/chat": "chat", "/models": "models", "/compare": "compare", "/settings": "settings" };

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign: no page of ours has such an address.
    return null;
  }
}

/** The page that a path names. */
export function routeOf(path: string): Route {
  const clean = path.length > 1 ? path.replace(/\/+$/, "") : path;
  const page = PLAIN[clean];
  if (page !== undefined) return { page, id: "", path };
  const found = /^\/(chat|compare)\/([^/]+)$/.exec(clean);
  const id = found?.[2] === undefined ? null : decoded(found[2]);
  return id === null ? { page: "missing", id: "", path } : { page: found?.[1] as PageName, id, path };
}

/** The path of a session's page. */
export const chatPath = (id: string): string => `/chat/${encodeURIComponent(id)}`;
