/** Address is the state that the page's address contains, so that a link shows the same. Defaults are left out. */
export interface Address {
  member: string; // 40 hex digits, or ""
  tab: Tab;
  theme: Theme;
  at: number; // Unix milliseconds of a past instant; 0: now
  camera: { scale: number; x: number; y: number } | null;
  trace: string; // trace of the chosen lookup, or ""
  feed: readonly FeedChoice[]; // in the order of FEED
  sort: Sort;
}

/** The choices of the feed's filter. */
export const FEED = ["membership", "pointers", "keys", "chatter", "errors", "selected"] as const;
export type FeedChoice = (typeof FEED)[number];

/** The member table's order. */
export const COLUMNS = ["id", "status", "position", "keys", "error", "address"] as const;
export type Column = (typeof COLUMNS)[number];
export interface Sort {
  by: Column;
  down: boolean;
}

export const TABS = ["events", "lookups", "members", "charts", "control"] as const;
export type Tab = (typeof TABS)[number];
export type Theme = "system" | "light" | "dark";

export const HOME: Address = {
  member: "",
  tab: "events",
  theme: "system",
  at: 0,
  camera: null,
  trace: "",
  feed: ["membership", "pointers", "keys"],
  sort: { by: "position", down: false },
};

/** parseAddress parses a query string. Invalid fields get their defaults. */
export function parseAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const tab = query.get("tab") as Tab;
  const theme = query.get("theme") as Theme;
  const member = query.get("member") ?? "";
  const trace = query.get("trace") ?? "";
  const at = Date.parse(query.get("t") ?? "");
  return {
    member: /^[0-9a-f]{1,40}$/i.test(member) ? member.toLowerCase().padStart(40, "0") : "",
    tab: TABS.includes(tab) ? tab : HOME.tab,
    theme: theme === "light" || theme === "dark" ? theme : "system",
    at: Number.isFinite(at) ? at : 0,
    camera: parseCamera(query.get("view")),
    trace: /^[0-9a-f]{32}$/.test(trace) ? trace : "",
    feed: parseFeed(query.get("feed")),
    sort: parseSort(query.get("sort")),
  };
}

function parseFeed(text: string | null): readonly FeedChoice[] {
  if (text === null) return HOME.feed;
  const words = text.split(",");
  return FEED.filter((choice) => words.includes(choice));
}

function parseSort(text: string | null): Sort {
  const by = (text ?? "").replace(/^-/, "") as Column;
  return COLUMNS.includes(by) ? { by, down: text?.startsWith("-") ?? false } : HOME.sort;
}

function parseCamera(text: string | null): Address["camera"] {
  const parts = (text ?? "").split(",").map(Number);
  if (parts.length !== 3 || !parts.every(Number.isFinite)) return null;
  const [scale, x, y] = parts;
  return scale >= 1 && scale <= 1e5 && Math.hypot(x, y) <= 2 ? { scale, x, y } : null;
}

/** formatAddress returns the query string of an address, with the question mark, or "" if all fields are defaults. */
export function formatAddress(address: Address): string {
  const query = new URLSearchParams();
  if (address.member) query.set("member", address.member);
  if (address.tab !== HOME.tab) query.set("tab", address.tab);
  if (address.theme !== "system") query.set("theme", address.theme);
  if (address.at) query.set("t", new Date(address.at).toISOString());
  if (address.camera) {
    const { scale, x, y } = address.camera;
    query.set("view", [scale.toPrecision(5), x.toFixed(6), y.toFixed(6)].map(Number).join(","));
  }
  if (address.trace) query.set("trace", address.trace);
  if (address.feed.join() !== HOME.feed.join()) query.set("feed", address.feed.join());
  const sort = `${address.sort.down ? "-" : ""}${address.sort.by}`;
  if (sort !== HOME.sort.by) query.set("sort", sort);
  const text = query.toString();
  return text ? `?${text}` : "";
}
