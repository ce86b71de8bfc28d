import { createHash } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { Plugin } from "vite";
import { type WebSocket, WebSocketServer } from "ws";
import { bytesOf, hexOf } from "../src/model/id.ts";
import { ClientMessageSchema, type FeedEvent, type ServerMessage, ServerMessageSchema } from "../src/wire/hub_pb.ts";
import { FakeHistory } from "./history.ts";
import { FakeHub } from "./messages.ts";
import { FakeRing } from "./ring.ts";

const AUDIT = [
  {
    time: "2026-05-04T03:02:01Z",
    who: "token",
    from: "192.0.2.7:5555",
    what: "POST /api/nodes",
    detail: '{"count":2}',
    status: 202,
  },
];

export interface FakeOptions {
  members: number;
  churn?: number; // changes per second
  lookups?: number; // per second
  token?: string; // if set, commands are accepted only with it
  seed?: number;
  violated?: boolean; // one condition is violated now, another was violated earlier
  replay?: boolean; // the events come from a recording
  viewOnly?: boolean; // the page's token allows no commands
  rejections?: string[]; // messages about rejected telemetry
  spansDropped?: number;
}

const TICK_MS = 66;
const EPOCH = "fake-1";

/**
 * fakeConductor answers requests to /ws and /api on Vite's own server, in place of a conductor. It
 * is not part of any bundle.
 */
export function fakeConductor(options: FakeOptions): Plugin {
  const attach = (server: Server | null, use: (handler: Handler) => void) => {
    const fake = new FakeConductor(options);
    use((req, res, next) => fake.http(req, res, next));
    server?.on("upgrade", (req, socket, head) => {
      if (req.url === "/ws") fake.sockets.handleUpgrade(req, socket, head, (ws) => fake.client(ws));
    });
    server?.on("close", () => fake.stop());
  };
  return {
    name: "fake-conductor",
    configureServer: (server) => attach(server.httpServer as Server | null, (h) => server.middlewares.use(h)),
    configurePreviewServer: (server) => attach(server.httpServer as Server, (h) => server.middlewares.use(h)),
  };
}

type Handler = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

class FakeConductor {
  readonly sockets = new WebSocketServer({ noServer: true, handleProtocols: () => "chord.v1" });
  private readonly hub: FakeHub;
  private readonly history = new FakeHistory();
  private load = { rate: 20, reads: 0.8, lookups: 0.1, distribution: "uniform" };
  /**
   * greeted has the clients that have sent Hello, each with the member whose details it watches.
   */
  private readonly greeted = new Map<WebSocket, Uint8Array>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly token: string;
  private readonly viewOnly: boolean;
  private readonly values = new Map<string, Buffer>();
  private ticks = 0;
  /** replay is how the recording is played; undefined means that there is no recording. */
  private readonly replay: { speed: number; paused: boolean; ended: boolean } | undefined;

  constructor(options: FakeOptions) {
    const ring = new FakeRing(options.members, options.seed);
    ring.churn = options.churn ?? Number(process.env.CHORD_FAKE_CHURN ?? 0.4);
    ring.lookupRate = options.lookups ?? 20;
    this.token = options.token ?? "";
    this.viewOnly = options.viewOnly ?? false;
    if (options.replay) this.replay = { speed: 1, paused: false, ended: false };
    // The ring begins two minutes in the past, so that charts and feed have something to show.
    this.hub = new FakeHub(ring, Date.now() - 120_000);
    this.hub.violated = options.violated ?? false;
    this.hub.rejections = options.rejections ?? [];
    this.hub.spansDropped = options.spansDropped ?? 0;
    for (let i = 0; i < 120; i++) {
      ring.step(1000);
      this.hub.patch();
    }
    this.timer = setInterval(() => !this.replay?.paused && this.tick(), TICK_MS);
  }

  client(ws: WebSocket): void {
    ws.on("message", (data: Buffer) => {
      const { message } = fromBinary(ClientMessageSchema, data);
      if (message.case === "hello") {
        send(ws, {
          case: "welcome",
          value: {
            epoch: EPOCH,
            seq: this.hub.seq,
            resumed: false,
            settings: {
              version: "fake",
              canControl: !this.replay && !this.viewOnly,
              viewOnly: this.viewOnly,
              replay: this.replay !== undefined,
              needsToken: this.token !== "",
              jaegerUrl: "http://localhost:16686",
            },
          },
        });
        send(ws, { case: "snapshot", value: this.hub.snapshot() });
        this.greeted.set(ws, new Uint8Array(0));
      } else if (message.case === "watch") {
        this.greeted.set(ws, message.value.id);
        this.sendDetail(ws, message.value.id);
      }
    });
    ws.on("close", () => this.greeted.delete(ws));
  }

  stop(): void {
    clearInterval(this.timer);
    for (const ws of this.sockets.clients) ws.terminate();
  }

  private tick(): void {
    this.hub.ring.step(TICK_MS * (this.replay?.speed ?? 1));
    this.publish();
  }

  /** playEvent plays a paused recording until the next event, at most ten seconds of it. */
  private playEvent(): void {
    const { ring } = this.hub;
    for (let ms = 0; ms < 10_000 && ring.events.length === 0; ms += TICK_MS) ring.step(TICK_MS);
    this.publish();
  }

  private publish(): void {
    const patch = this.hub.patch();
    const frame = toBinary(
      ServerMessageSchema,
      create(ServerMessageSchema, { message: { case: "patch", value: patch } } as never),
    );
    for (const ws of this.greeted.keys()) ws.send(frame);
    // The history of a large ring would take too much memory.
    if ((this.ticks % 15 === 0 || patch.events.length > 0) && this.hub.ring.members.length <= 500)
      this.history.keep(this.hub);
    this.hub.historyFrom = this.history.from;
    if (++this.ticks % 15 === 0) for (const [ws, id] of this.greeted) this.sendDetail(ws, id);
  }

  /** past returns the feed's events before or after a time, in the API's form. */
  private past(query: URLSearchParams): unknown[] {
    const [since, until] = ["since", "until"].map((name) => Date.parse(query.get(name) ?? ""));
    const kinds = query.get("kind")?.split(",") ?? [];
    const limit = Number(query.get("limit"));
    const dead = new Set<string>(); // in this ring no member comes back
    const repeats = (e: FeedEvent) => e.kind === "chord.peer.failed" && dead.size === dead.add(hexOf(e.peer)).size;
    const once = query.get("repeats") === "false";
    const events = this.hub.events.filter((e) => kinds.includes(e.kind) && !(once && repeats(e)));
    const found = Number.isNaN(since)
      ? events.filter((e) => Number(e.arrivedMs) <= until).slice(-limit)
      : events.filter((e) => Number(e.arrivedMs) > since).slice(0, limit);
    return found.map((e) => ({
      time: new Date(Number(e.timeMs)).toISOString(),
      arrived: new Date(Number(e.arrivedMs)).toISOString(),
      kind: e.kind,
      id: hexOf(e.id),
      peer: e.peer.length ? hexOf(e.peer) : undefined,
      text: e.text,
      warning: e.warning,
    }));
  }

  private sendDetail(ws: WebSocket, id: Uint8Array): void {
    if (id.length) send(ws, { case: "detail", value: this.hub.detail(this.hub.ring.find(id), id) });
  }

  async http(req: IncomingMessage, res: ServerResponse, next: () => void): Promise<void> {
    const url = new URL(req.url ?? "/", "http://fake");
    if (!url.pathname.startsWith("/api/")) return next();
    const answer = (status: number, body: unknown) => {
      res.writeHead(status, { "Content-Type": "application/json" });
      res.end(JSON.stringify(body));
    };
    if (this.token && req.method !== "GET" && req.headers.authorization !== `Bearer ${this.token}`)
      return answer(401, { error: "this request needs the token that the conductor was started with" });
    const body = await read(req);
    const { ring } = this.hub;
    const [, , what, id, verb] = url.pathname.split("/");
    const command = `${req.method} ${what}${what === "ring" && id ? "/nodes" : verb ? `/${verb}` : ""}`;
    if (url.pathname === "/api/scenarios/check") return answer(200, { problems: check(body.toString()) });
    if (url.pathname === "/api/simulation/report") {
      res.writeHead(200, { "Content-Type": "text/html" });
      return void res.end("<h1>Report</h1>");
    }
    if (what === "simulation") {
      const running = req.method === "POST";
      Object.assign(this.hub.simulation, { running, scenario: "first-ring", durationS: 60, elapsedS: 0 });
      this.hub.simulation.reportReady = !running;
      return answer(202, {});
    }
    if (what === "replay") {
      if (!this.replay) return answer(404, { error: "this is no replay" });
      if (req.method === "PUT") Object.assign(this.replay, JSON.parse(body.toString()));
      if (req.method === "POST") this.playEvent();
      return answer(200, this.replay);
    }
    const found = () => ring.find(bytesOf(id ?? "") ?? new Uint8Array(20));
    switch (command) {
      case "POST nodes": {
        const { count = 1 } = JSON.parse(body.toString() || "{}");
        return answer(202, { ids: Array.from({ length: count }, () => hexOf(ring.join().id)) });
      }
      case "POST nodes/leave":
      case "POST nodes/crash": {
        const m = found();
        if (!m) return answer(404, { error: `no member ${id}` });
        if (verb === "leave") ring.leave(m);
        else ring.crash(m);
        return answer(202, { ids: [id] });
      }
      case "POST nodes/pause":
        return answer(202, { ids: [id] });
      case "POST partitions": {
        const { groups = [] } = JSON.parse(body.toString() || "{}");
        this.hub.simulation.cut = groups[0]?.length ?? 0;
        return answer(202, { ids: groups.flat() });
      }
      case "DELETE partitions":
        this.hub.simulation.cut = 0;
        return answer(202, { ids: [] });
      case "GET audit":
        return answer(200, { commands: AUDIT, not_on_disk: 0 });
      case "GET workload":
        return answer(200, this.load);
      case "PUT workload":
        this.load = { ...this.load, ...JSON.parse(body.toString()) };
        ring.lookupRate = this.load.rate;
        return answer(202, this.load);
      case "GET ring":
      case "GET ring/nodes": {
        const past = this.history.at(Date.parse(url.searchParams.get("at") ?? ""));
        const message = id ? past?.details.get(url.pathname.split("/").at(-1) ?? "") : past?.snapshot;
        if (!message) return answer(404, { error: "no history is kept of that instant" });
        res.writeHead(200, { "Content-Type": "application/x-protobuf" });
        return void res.end(message);
      }
      case "GET events":
        return answer(200, { events: this.past(url.searchParams) });
      case "GET scenarios":
        return answer(200, { scenarios: SCENARIOS });
      case "GET stats":
        return answer(200, {});
      case "POST lookups": {
        const { key = "", from = "" } = JSON.parse(body.toString() || "{}");
        const digest = Uint8Array.from(createHash("sha1").update(key).digest());
        const route = ring.route(digest, from ? ring.find(bytesOf(from) ?? new Uint8Array(20)) : ring.any());
        if (!route) return answer(404, { error: `no member ${from}` });
        ring.lookups.push(route);
        const l = this.hub.lookup(route);
        return answer(200, {
          key: hexOf(digest),
          owner: hexOf(l.hops.at(-1)?.id ?? digest),
          trace_id: l.traceId,
          mode: "recursive",
          duration_ms: Number(l.durationUs) / 1000,
          hops: l.hops.map((h) => ({
            id: hexOf(h.id),
            pointer: h.pointer,
            slot: h.slot,
            at_ms: Number(h.atUs) / 1000,
            timeouts: h.timeouts,
          })),
        });
      }
      case "PUT keys":
        this.values.set(id, body);
        return answer(200, { copies: 3 });
      case "GET keys": {
        const value = this.values.get(id);
        if (!value) return answer(404, { error: `no key ${decodeURIComponent(id)}` });
        res.writeHead(200, { "Content-Type": "application/octet-stream" });
        return void res.end(value);
      }
      case "DELETE keys":
        this.values.delete(id);
        return answer(200, {});
    }
    answer(404, { error: `the stand-in conductor has no ${req.method} ${url.pathname}` });
  }
}

const SCENARIOS = [
  {
    name: "first-ring",
    about: "Eight members find each other. Watch the state line go from forming to repairing to ideal.",
    source: `name: first-ring
seed: 7
ring: {members: 8, successors: 4, replicas: 3}
workload: {rate: 20/s, reads: 0.8, keys: 200}
duration: 60s
expect: {lost_keys: 0, final_ring_error: 0}
`,
  },
];

/**
 * check finds the two kinds of errors that the fake checks for: an unknown field, and a seed that
 * is not a number.
 */
function check(source: string): unknown[] {
  const problems: unknown[] = [];
  for (const [i, line] of source.split("\n").entries()) {
    const where = { file: "scenario", line: i + 1 };
    if (line.startsWith("bogus")) problems.push({ ...where, field: "bogus", problem: "unknown field" });
    if (/^seed: *[^\d ]/.test(line)) problems.push({ ...where, field: "seed", problem: "expected a whole number" });
  }
  return problems;
}

function send(ws: WebSocket, message: unknown): void {
  const wrapped = create(ServerMessageSchema, { message } as never) as ServerMessage;
  ws.send(toBinary(ServerMessageSchema, wrapped));
}

async function read(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
