import { create } from "@bufbuild/protobuf";
import { Members_Status, MembersSchema, RingState_Status, RingStateSchema, ViolationSchema } from "../gen/hub_pb";
import { bytesOf, ID_BYTES, turnOf } from "./id";
import { World } from "./world";

/** RingJson is what GET /api/ring answers. */
export interface RingJson {
  seq: number;
  time: string;
  name: string;
  status: string;
  error: number;
  bits: number;
  successors: number;
  replicas: number;
  counts: Record<string, number>;
  violations: {
    condition: string;
    detail: string;
    members: string[];
    since: string;
    healed?: string;
    trace_id?: string;
  }[];
  nodes: {
    id: string;
    address: string;
    host: string;
    incarnation: number;
    status: string;
    predecessor: string;
    successors: string[];
    keys: number;
    replicas: number;
    bytes: number;
    error: number;
    uncertain: boolean;
    staleness_ms: number;
  }[];
}

/**
 * pastWorld builds the picture of an instant. Ring and members come from the conductor's history; events, lookups and
 * samples are those of the page's own memory that lie before it.
 */
export function pastWorld(json: RingJson, memory: World): World {
  const world = new World();
  const time = Date.parse(json.time);
  world.seq = BigInt(json.seq);
  world.ring = create(RingStateSchema, {
    ...memory.ring,
    status: ringStatus(json.status),
    error: BigInt(json.error),
    timeMs: BigInt(time),
    bits: json.bits,
    successors: json.successors,
    replicas: json.replicas,
    name: json.name,
    violations: (json.violations ?? []).map((v) =>
      create(ViolationSchema, {
        condition: v.condition,
        detail: v.detail,
        members: v.members.map((id) => bytesOf(id) ?? new Uint8Array(ID_BYTES)),
        sinceMs: BigInt(Date.parse(v.since)),
        healedMs: v.healed ? BigInt(Date.parse(v.healed)) : 0n,
        traceId: v.trace_id ?? "",
      }),
    ),
    ...counts(json.counts ?? {}),
  });
  world.table.setBits(json.bits);
  world.table.put(rows(json));
  world.events = memory.events.filter((e) => Number(e.timeMs) <= time);
  world.lookups = memory.lookups.filter((l) => Number(l.startUs) / 1000 <= time);
  world.samples = memory.samples.filter((s) => Number(s.timeMs) <= time);
  world.simulation = memory.simulation;
  return world;
}

function rows(json: RingJson) {
  // Handles are the hub's and mean nothing in the past: here a member's is its place in the answer.
  const handles = new Map(json.nodes.map((node, i) => [node.id, i + 1]));
  const statuses = new Map(json.nodes.map((node) => [node.id, node.status]));
  const out = create(MembersSchema);
  out.id = new Uint8Array(ID_BYTES * json.nodes.length);
  const time = Date.parse(json.time);
  for (const [i, node] of json.nodes.entries()) {
    const id = bytesOf(node.id) ?? new Uint8Array(ID_BYTES);
    const predecessor = bytesOf(node.predecessor);
    const gone = node.status === "left" || node.status === "failed";
    const live = node.successors.find((id) => !["left", "failed"].includes(statuses.get(id) ?? "failed"));
    out.handle.push(i + 1);
    out.id.set(id, i * ID_BYTES);
    out.address.push(node.address);
    out.host.push(node.host);
    out.status.push(memberStatus(node.status));
    out.uncertain.push(node.uncertain);
    out.predecessor.push(handles.get(node.predecessor) ?? 0);
    out.successor.push(handles.get(live ?? "") ?? 0);
    // The answer has no ownership; the range is what the predecessor pointer says.
    out.rangeFrom.push(predecessor && !gone ? turnOf(predecessor, json.bits) : -1);
    out.keys.push(BigInt(node.keys));
    out.replicas.push(BigInt(node.replicas));
    out.bytes.push(BigInt(node.bytes));
    out.error.push(node.error);
    out.lastEventMs.push(BigInt(time - node.staleness_ms));
    out.incarnation.push(BigInt(Math.round(node.incarnation)));
  }
  return out;
}

function counts(c: Record<string, number>) {
  const of = (name: string) => c[name] ?? 0;
  return {
    joining: of("joining"),
    active: of("active"),
    leaving: of("leaving"),
    left: of("left"),
    failed: of("failed"),
    silent: of("silent"),
    uncertain: of("uncertain"),
  };
}

function ringStatus(word: string): RingState_Status {
  return RingState_Status[word.toUpperCase() as keyof typeof RingState_Status] ?? RingState_Status.UNSPECIFIED;
}

function memberStatus(word: string): Members_Status {
  return Members_Status[word.toUpperCase() as keyof typeof Members_Status] ?? Members_Status.UNSPECIFIED;
}
