const KEY = "chord.token";

/**
 * takeToken moves the token from the address's fragment (#token=…), which browsers never send, to the session's storage,
 * so that links copied from the page do not contain the token.
 */
export function takeToken(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  setToken(token);
}

let memory = "";

export function getToken(): string {
  try {
    return sessionStorage.getItem(KEY) ?? memory;
  } catch {
    return memory; // storage is switched off: the token is lost when the page is closed
  }
}

export function setToken(token: string): void {
  memory = token;
  try {
    sessionStorage.setItem(KEY, token);
  } catch {
    // see getToken
  }
}

/** subprotocols returns the WebSocket's subprotocols. They include the token: a browser's WebSocket sends no headers. */
export function subprotocols(): string[] {
  const token = getToken();
  if (!token) return ["chord.v1"];
  const bytes = new TextEncoder().encode(token);
  const base64 = btoa(String.fromCharCode(...bytes));
  return ["chord.v1", `chord-token.${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`];
}
