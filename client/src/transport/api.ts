import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { getToken } from "./token";

/** An ApiError has the HTTP status (0: no answer) and the conductor's error text. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Called when the conductor requires a token; resolves to true once there is a token to retry with. */
let askForToken: (() => Promise<boolean>) | undefined;
export function onTokenNeeded(ask: () => Promise<boolean>): void {
  askForToken = ask;
}

export interface Request {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  json?: unknown;
  body?: BodyInit;
  type?: string;
  accept?: string;
  signal?: AbortSignal;
}

/**
 * call sends a request and throws an ApiError unless it succeeds. After a 401 it opens the token dialog and retries
 * once. Paths begin with /api and are relative to the page, which may be below a proxy's prefix.
 */
export async function call(path: string, request: Request = {}, retry = true): Promise<Response> {
  const headers = new Headers();
  const token = getToken();
  if (token) headers.set("Authorization", `Bearer ${token}`);
  if (request.accept) headers.set("Accept", request.accept);
  let body = request.body;
  if (request.json !== undefined) {
    body = JSON.stringify(request.json);
    headers.set("Content-Type", "application/json");
  } else if (request.type) {
    headers.set("Content-Type", request.type);
  }
  let response: Response;
  try {
    response = await fetch(path.slice(1), { method: request.method ?? "GET", headers, body, signal: request.signal });
  } catch (err) {
    if (request.signal?.aborted) throw err;
    throw new ApiError(0, `Cannot reach the conductor: ${messageOf(err)}`);
  }
  if (response.ok) return response;
  if (response.status === 401 && retry && askForToken && (await askForToken())) return call(path, request, false);
  throw new ApiError(response.status, await reason(response));
}

/** callJson sends a request as call does, and parses the answer as JSON. */
export async function callJson<T>(path: string, request: Request = {}): Promise<T> {
  const response = await call(path, { accept: "application/json", ...request });
  const text = await response.text();
  return (text ? JSON.parse(text) : {}) as T;
}

/** callMessage sends a request as call does, and decodes the answer as a protobuf message. */
export async function callMessage<D extends DescMessage>(
  path: string,
  schema: D,
  request: Request = {},
): Promise<MessageShape<D>> {
  const response = await call(path, { accept: "application/x-protobuf", ...request });
  return fromBinary(schema, new Uint8Array(await response.arrayBuffer()));
}

async function reason(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === "string" && error) return error;
  } catch {
    // not JSON: the text itself is the reason
  }
  return text.trim().slice(0, 200) || `The conductor answered ${response.status} ${response.statusText}`.trim();
}

/** messageOf returns the text to show for a thrown value. */
export function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
