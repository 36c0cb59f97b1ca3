/** Requests to the workbench's API: JSON in, JSON out, every failure an ApiError that says what to do. */
import type { Failure } from "./records";

const BASE = "/hostler/api";

/** A failure as the server described it; `status` 0 means that no answer came. */
export class ApiError extends Error implements Failure {
  readonly code: string;
  readonly hint: string;
  readonly status: number;

  constructor(status: number, failure: Failure) {
    super(failure.message);
    this.name = "ApiError";
    this.status = status;
    this.code = failure.code;
    this.hint = failure.hint;
  }
}

type Listener = () => void;
const refused = new Set<Listener>();

/** Call `listener` whenever the server says that this browser has no access; returns how to stop. */
export function onNoAccess(listener: Listener): () => void {
  refused.add(listener);
  return () => refused.delete(listener);
}

function isFailure(value: unknown): value is { error: Partial<Failure> } {
  return typeof value === "object" && value !== null && "error" in value && typeof value.error === "object" && value.error !== null;
}

/** Any thrown thing as an ApiError, so that it can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(0, { code: "unexpected", message, hint: "" });
}

async function failed(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  const said = isFailure(body) ? body.error : {};
  if (response.status === 401) for (const listener of refused) listener();
  return new ApiError(response.status, {
    code: said.code ?? `http_${response.status}`,
    message: said.message ?? `The server answered ${response.status}.`,
    hint: said.hint ?? "",
  });
}

/** The most that a browser sends on behalf of a page that is gone, all in all, is 64 KiB. */
const OUTLIVES = 16_000;

export interface RequestOptions {
  signal?: AbortSignal;
  /** The body's type where it is not JSON; the body is then sent as it is. */
  contentType?: string;
}

/** The response of a request that went well; throws ApiError, or AbortError when the caller gave up. */
export async function send(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (options.signal) init.signal = options.signal;
  if (body !== undefined) {
    headers["content-type"] = options.contentType ?? "application/json";
    init.body = options.contentType === undefined ? JSON.stringify(body) : (body as BodyInit);
    // A choice that was made right before the page goes is kept, too.
    init.keepalive = method === "PATCH" && typeof init.body === "string" && init.body.length < OUTLIVES;
  }
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, {
      code: "offline",
      message: "The server does not answer.",
      hint: "Is hostler running? Start it with `hostler up`; this page goes on by itself.",
    });
  }
  if (!response.ok) throw await failed(response);
  return response;
}

async function json<T>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T> {
  const response = await send(method, path, body, options);
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** `path` is below /hostler/api and begins with a slash; build ids into it with `segment`. */
export const api = {
  get: <T>(path: string, options?: RequestOptions): Promise<T> => json<T>("GET", path, undefined, options),
  post: <T>(path: string, body: unknown = {}, options?: RequestOptions): Promise<T> => json<T>("POST", path, body, options),
  patch: <T>(path: string, body: unknown, options?: RequestOptions): Promise<T> => json<T>("PATCH", path, body, options),
  delete: <T>(path: string, options?: RequestOptions): Promise<T> => json<T>("DELETE", path, undefined, options),
};

/** A query string with its question mark, "" when all values are empty. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString()}`;
}

/** An id as one path segment. */
export const segment = encodeURIComponent;

/** The address of something the browser fetches itself: an export, an image. */
export const address = (path: string): string => BASE + path;
