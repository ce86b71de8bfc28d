import { create } from "@bufbuild/protobuf";
import {
  Certainty_State,
  type FeedEvent,
  FeedEventSchema,
  type Lookup,
  Lookup_Outcome,
  LookupSchema,
  type Members,
  Members_Status,
  MembersSchema,
  type NodeDetail,
  NodeDetailSchema,
  type Patch,
  PatchSchema,
  type RingState,
  RingState_Status,
  RingStateSchema,
  type Sample,
  SampleSchema,
  type Simulation,
  SimulationSchema,
  type Snapshot,
  SnapshotSchema,
  type Violation,
  ViolationSchema,
} from "../src/wire/hub_pb.ts";
import { type FakeEvent, type FakeLookup, type FakeMember, type FakeRing, short } from "./ring.ts";

const STATUS: Record<FakeMember["life"], Members_Status> = {
  joining: Members_Status.JOINING,
  active: Members_Status.ACTIVE,
  leaving: Members_Status.LEAVING,
  left: Members_Status.LEFT,
  failed: Members_Status.FAILED,
  silent: Members_Status.SILENT,
};

/** FakeHub turns a simulated ring into the messages that the real hub sends. */
export class FakeHub {
  seq = 0n;
  events: FeedEvent[] = [];
  lookups: Lookup[] = [];
  rejections: string[] = [];
  spansDropped = 0;
  samples: Sample[] = [];
  historyFrom = 0;
  violated = false;
  simulation: Simulation = create(SimulationSchema);
  private sampledAt = 0;
  private eventSeq = 0n;
  readonly ring: FakeRing;
  readonly start: number;

  constructor(ring: FakeRing, start = 1_760_000_000_000) {
    this.ring = ring;
    this.start = start;
  }

  time(ms = this.ring.now): number {
    return Math.round(this.start + ms);
  }

  snapshot(): Snapshot {
    return create(SnapshotSchema, {
      seq: this.seq,
      ring: this.state(),
      members: this.rows(this.ring.members),
      events: this.events,
      lookups: this.lookups,
      samples: this.samples,
      simulation: this.simulation,
    });
  }

  /** patch returns what has changed in the ring since the previous patch. */
  patch(): Patch {
    const { ring } = this;
    const events = ring.events.map((e) => this.event(e));
    // As in a real ring, a trace may contain more than one lookup.
    for (const [i, l] of ring.lookups.entries()) if (i % 3 === 1) l.trace = ring.lookups[i - 1].trace;
    const lookups = ring.lookups.map((l) => this.lookup(l));
    const samples: Sample[] = [];
    if (ring.now - this.sampledAt >= 1000) {
      this.sampledAt = ring.now;
      samples.push(this.sample());
    }
    const patch = create(PatchSchema, {
      baseSeq: this.seq,
      seq: ++this.seq,
      ring: this.state(),
      changed: this.rows([...ring.changed]),
      removed: ring.removed,
      events,
      lookups,
      samples,
      simulation: this.simulation,
    });
    this.events = [...this.events, ...events].slice(-500);
    this.lookups = [...this.lookups, ...lookups].slice(-300);
    this.samples = [...this.samples, ...samples].slice(-3600);
    ring.changed.clear();
    ring.removed = [];
    ring.events = [];
    ring.lookups = [];
    return patch;
  }

  detail(m: FakeMember | undefined, id: Uint8Array): NodeDetail {
    if (!m) return create(NodeDetailSchema, { id, gone: true });
    const successors: Uint8Array[] = [];
    for (let next = this.ring.neighbour(m, 1); successors.length < 8 && next !== m; next = this.ring.neighbour(next, 1))
      successors.push(next.id);
    return create(NodeDetailSchema, {
      id,
      address: m.address,
      host: m.address,
      incarnation: BigInt(this.time(m.started)) * 1_000_000n,
      eventSeq: BigInt(40 + m.handle),
      predecessor: this.ring.neighbour(m, -1).id,
      successors,
      fingers: this.ring.fingers(m).map((f) => ({ first: f.first, last: f.last, id: f.member.id })),
      rangeFrom: this.ring.neighbour(m, -1).id,
      epoch: 3n,
      gets: BigInt(m.keys * 9),
      puts: BigInt(m.keys * 2),
      deletes: BigInt(Math.round(m.keys / 9)),
      events: this.events.filter((e) => e.id.every((b, i) => b === id[i])).slice(-20),
    });
  }

  lookup(l: FakeLookup): Lookup {
    let at = 0;
    const hops = l.hops.map((hop, i) => {
      at += i === 0 ? 0 : 400 + Math.round(this.ring.random() * 900) + hop.timeouts * 90_000;
      return {
        id: hop.member.id,
        pointer: hop.pointer,
        slot: hop.slot,
        atUs: BigInt(at),
        timeouts: hop.timeouts,
      };
    });
    const timeouts = l.hops.some((hop) => hop.timeouts > 0);
    return create(LookupSchema, {
      traceId: l.trace,
      startUs: BigInt(this.time(l.at)) * 1000n,
      durationUs: BigInt(at + 500),
      operation: l.operation,
      mode: "recursive",
      key: l.key,
      hops,
      outcome: l.failed ? Lookup_Outcome.FAILED : timeouts ? Lookup_Outcome.TIMEOUTS : Lookup_Outcome.SUCCESS,
      error: l.failed ? "the owner did not answer within 500 ms" : "",
    });
  }

  private event(e: FakeEvent): FeedEvent {
    return create(FeedEventSchema, {
      seq: ++this.eventSeq,
      timeMs: BigInt(this.time(e.at)),
      arrivedMs: BigInt(this.time()),
      kind: e.kind,
      id: e.id,
      peer: e.peer ?? new Uint8Array(0),
      text: e.text,
      traceId: this.ring.hex(16),
      warning: e.warning ?? false,
      keys: BigInt(e.keys ?? 0),
      outgoing: e.outgoing ?? false,
    });
  }

  private state(): RingState {
    const lives: Record<string, number> = {};
    let error = 0;
    let uncertain = 0;
    for (const m of this.ring.members) {
      lives[m.life] = (lives[m.life] ?? 0) + 1;
      error += m.error;
      if (m.uncertain) uncertain++;
    }
    const many = (life: FakeMember["life"]) => lives[life] ?? 0;
    const present = this.ring.members.length - many("left") - many("failed");
    const violations = this.violated ? this.broken() : [];
    const status = violations.length
      ? RingState_Status.VIOLATED
      : present === 0
        ? RingState_Status.UNSPECIFIED
        : error > 0
          ? present < 9
            ? RingState_Status.FORMING
            : RingState_Status.REPAIRING
          : RingState_Status.IDEAL;
    return create(RingStateSchema, {
      status,
      error: BigInt(error),
      timeMs: BigInt(this.time()),
      bits: 160,
      successors: 8,
      replicas: 3,
      name: "demo",
      violations,
      stalenessP50Ms: 61,
      stalenessP99Ms: 148,
      lookupsSampled: 0.5,
      rejections: this.rejections,
      recordsRejected: BigInt(this.rejections.length),
      spansDropped: BigInt(this.spansDropped),
      historyFromMs: BigInt(this.historyFrom),
      joining: many("joining"),
      active: many("active"),
      leaving: many("leaving"),
      left: many("left"),
      failed: many("failed"),
      silent: many("silent"),
      uncertain,
      certainty: {
        state:
          present === 0 || uncertain === present
            ? Certainty_State.NOTHING
            : uncertain > 0
              ? Certainty_State.PARTIAL
              : Certainty_State.ALL,
        count: uncertain,
        of: present,
        members: this.ring.members
          .filter((m) => m.uncertain)
          .slice(0, 10)
          .map((m) => ({ id: m.id, why: "late", sinceMs: BigInt(this.time() - 16_000) })),
      },
      tolerance: { pointers: Math.max(0, Math.min(7, present - 1)), keys: 2, hosts: 2 },
    });
  }

  private broken(): Violation[] {
    const [a, b] = this.ring.members;
    return [
      create(ViolationSchema, {
        condition: "OrderedSuccessorLists",
        detail: `${short(b)} stands before ${short(a)} in a list.`,
        members: [a.id],
        sinceMs: BigInt(this.start),
        traceId: "ab".repeat(16),
      }),
      create(ViolationSchema, {
        condition: "NoDuplicates",
        detail: `${short(b)} stood twice in a list.`,
        members: [b.id],
        sinceMs: BigInt(this.time() - 4000),
        healedMs: BigInt(this.time() - 2500),
      }),
    ];
  }

  private sample(): Sample {
    const r = () => this.ring.random();
    return create(SampleSchema, {
      timeMs: BigInt(this.time()),
      members: this.ring.present.length,
      error: BigInt(this.ring.members.reduce((sum, m) => sum + m.error, 0)),
      lookups: this.ring.lookupRate * (0.9 + 0.2 * r()),
      p50Ms: 2 + r(),
      p99Ms: 8 + 6 * r() + (r() < 0.05 ? 90 : 0),
      puts: this.ring.lookupRate * 0.2 * (0.8 + 0.4 * r()),
      gets: this.ring.lookupRate * 0.8 * (0.9 + 0.2 * r()),
      events: 30 + 20 * r(),
      spans: 120 + 60 * r(),
    });
  }

  rows(members: readonly FakeMember[]): Members {
    const rows = create(MembersSchema);
    rows.id = new Uint8Array(20 * members.length);
    members.forEach((m, i) => {
      const before = this.ring.neighbour(m, -1);
      rows.handle.push(m.handle);
      rows.id.set(m.id, 20 * i);
      rows.address.push(m.address);
      rows.host.push(""); // the real hub also sends no host name that equals the address
      rows.status.push(STATUS[m.life]);
      rows.uncertain.push(m.uncertain);
      rows.predecessor.push(before.handle);
      rows.successor.push(this.ring.neighbour(m, 1).handle);
      rows.rangeFrom.push(m.life === "joining" || m.life === "failed" || m.life === "left" ? -1 : before.turn);
      rows.keys.push(BigInt(m.keys));
      rows.replicas.push(BigInt(2 * m.keys));
      rows.bytes.push(BigInt(384 * m.keys));
      rows.error.push(m.error);
      rows.lastEventMs.push(BigInt(this.time()));
      rows.incarnation.push(BigInt(this.time(m.started)) * 1_000_000n);
    });
    return rows;
  }
}
