/** A stand-in for the server while only pages are worked on: an event stream and a few answers. */
import type { IncomingMessage, ServerResponse } from "node:http";

import type { Plugin } from "vite";

const preferences: Record<string, unknown> = {};
const snapshot = {
  seq: 1,
  state: { version: "0.0.0", turns: [], engines: [], machines: [], pulls: [], memory: { total: 16 * 2 ** 30, available: 9 * 2 ** 30 } },
};

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function body(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = "";
  for await (const piece of request) text += String(piece);
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

async function handle(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  if (path === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write(`retry: 1000\n\nevent: snapshot\nid: 1\ndata: ${JSON.stringify(snapshot)}\n\n`);
    return;
  }
  if (path === "/preferences") {
    if (request.method === "PATCH") Object.assign(preferences, await body(request));
    return answer(response, 200, { preferences });
  }
  const lists: Record<string, unknown> = {
    "/sessions": { sessions: [], more: false },
    "/folders": { folders: [] },
    "/models": { default: "", favorites: [], models: [] },
    "/engines": { engines: [], memory: { ...snapshot.state.memory, limit: null, reserve: null } },
    "/pulls": { pulls: [] },
    "/prompts": { prompts: [] },
  };
  if (lists[path] !== undefined) return answer(response, 200, lists[path]);
  answer(response, 404, { error: { code: "not_found", message: `The stub has no ${path}.`, hint: "Set HOSTLER_URL to speak to a server." } });
}

/** The Vite plugin; with HOSTLER_STUB=401 it refuses everybody. */
export function stub(): Plugin {
  const middleware = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (!path.startsWith("/hostler/api")) return next();
    if (process.env["HOSTLER_STUB"] === "401") return answer(response, 401, { error: { code: "unauthorized", message: "No access.", hint: "" } });
    void handle(request, response, path.slice("/hostler/api".length));
  };
  return {
    name: "hostler-stub",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => void server.middlewares.use(middleware),
  };
}
