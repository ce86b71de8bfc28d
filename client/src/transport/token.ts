const KEY = "chord.token";

/**
 * The token arrives in the address's fragment (#token=…), which browsers never send anywhere. It moves to the session's
 * storage immediately, so that it is in no link that people copy.
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
    return memory; // storage is switched off: the token is lost with the page
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

/** subprotocols are the WebSocket's: the protocol, and the token, for which a browser has no other place. */
export function subprotocols(): string[] {
  const token = getToken();
  if (!token) return ["chord.v1"];
  const bytes = new TextEncoder().encode(token);
  const base64 = btoa(String.fromCharCode(...bytes));
  return ["chord.v1", `chord-token.${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`];
}
