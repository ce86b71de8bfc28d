// Emits the telemetry of another implementation of Chord: five members of a ring that never changes, with the
// OpenTelemetry SDK for JavaScript. docs/telemetry.md, "What another emitter needs", explains each part.
//
//   npm ci && node emitter.js [SECONDS]        without SECONDS it goes on until Ctrl-C
//
// It sends to OTEL_EXPORTER_OTLP_ENDPOINT, http://localhost:4318 unless that is set; OTEL_EXPORTER_OTLP_HEADERS and the
// other variables of the exporters hold. `conductor conform` judges it.

import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DiagConsoleLogger, DiagLogLevel, ROOT_CONTEXT, diag, trace } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'

const BITS = 160 // identifiers are BigInt: a Number is exact to 53 bits only
const SUCCESSORS = 3 // r
const REPLICAS = 3 // R
const PERIOD = 10 // seconds between keyframes
const seconds = Number(process.argv[2] ?? Infinity)
if (!(seconds > 0)) {
  console.error(`emitter: expected a number of seconds above 0, got ${process.argv[2]}`)
  process.exit(2)
}
// The exporters report here what is rejected (partial_success) and what cannot be sent; without it they are silent.
diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)

// The resource: one per process, with the ring's name, and an instance of its own for each start.
const resource = resourceFromAttributes({
  'service.name': 'chord-node',
  'service.instance.id': randomUUID(),
  'chord.ring.name': 'javascript',
})
const events = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(), scheduledDelayMillis: 100 })],
})
const spans = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
const logger = events.getLogger('emitter')
const tracer = spans.getTracer('emitter')

// Identifiers are ceil(bits/4) hex digits, zeros in front included.
const size = 1n << BigInt(BITS)
const hash = (text) => BigInt('0x' + createHash('sha1').update(text).digest('hex')) % size
const hex = (id) => id.toString(16).padStart(Math.ceil(BITS / 4), '0')
const distance = (from, to) => (to - from + size) % size

// The ring: members by identifier. An incarnation need only grow with each start, so milliseconds do; nanoseconds would
// not fit a Number.
const ring = ['js-1', 'js-2', 'js-3', 'js-4', 'js-5']
  .map((host) => ({ host, address: `${host}.example:7001`, id: hash(host), incarnation: Date.now(), seq: 0 }))
  .sort((a, b) => (a.id < b.id ? -1 : 1))
const ownerOf = (id) => ring.find((m) => m.id >= id) ?? ring[0]
const after = (m, n) => ring[(ring.indexOf(m) + n + ring.length) % ring.length]
const successors = (m) => Array.from({ length: Math.min(SUCCESSORS, ring.length - 1) }, (_, i) => after(m, i + 1))
// Slot i begins at the identifier + 2^i and points to the first member from there on.
const finger = (m, i) => ownerOf((m.id + (1n << BigInt(i))) % size)

// Runs of slots that point to one member.
function fingerRuns(m) {
  const runs = []
  for (let i = 0; i < BITS; i++) {
    const to = finger(m, i)
    if (runs.length && runs[runs.length - 1].to === to) runs[runs.length - 1].last = i
    else runs.push({ first: i, last: i, to })
  }
  return runs
}

// A member refers to a peer by four attributes, or four arrays side by side; an empty array is sent, not left out.
const peer = (prefix, p) => ({
  [`${prefix}.id`]: hex(p.id),
  [`${prefix}.address`]: p.address,
  [`${prefix}.incarnation`]: p.incarnation,
  [`${prefix}.seq`]: p.seq,
})
const peers = (prefix, list) => ({
  [`${prefix}.ids`]: list.map((p) => hex(p.id)),
  [`${prefix}.addresses`]: list.map((p) => p.address),
  [`${prefix}.incarnations`]: list.map((p) => p.incarnation),
  [`${prefix}.seqs`]: list.map((p) => p.seq),
})

// An event: a log record with an event name, and the identity that every event of a member has. Integers stay integers:
// the SDK sends a Number without a fraction as an int.
function emit(m, eventName, attributes, context = ROOT_CONTEXT) {
  m.seq++
  logger.emit({
    eventName,
    context, // of the operation that caused the event: so its trace shows what it changed
    timestamp: new Date(),
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    attributes: {
      'chord.node.id': hex(m.id),
      'chord.node.incarnation': m.incarnation,
      'chord.event.seq': m.seq, // 1, 2, 3, … without gaps
      'chord.host.id': m.host,
      'chord.host.address': m.address,
      ...attributes,
    },
  })
}

// The keyframe: all that a member must send, on start and once in each period.
function keyframe(m, status = 'active') {
  const runs = fingerRuns(m)
  emit(m, 'chord.node.state', {
    'chord.node.address': m.address,
    'chord.ring.bits': BITS,
    'chord.ring.successors': SUCCESSORS,
    'chord.ring.replicas': REPLICAS,
    'chord.node.virtual_index': 0,
    'chord.node.status': status,
    'chord.keyframe.period': status === 'left' ? 0 : PERIOD * 1e9,
    ...peers('chord.successors', successors(m)),
    ...peer('chord.predecessor', after(m, -1)),
    'chord.ownership.owns': status === 'active',
    'chord.ownership.from': hex(after(m, -1).id),
    'chord.ownership.epoch': 1,
    'chord.fingers.first': runs.map((r) => r.first),
    'chord.fingers.last': runs.map((r) => r.last),
    ...peers('chord.fingers', runs.map((r) => r.to)),
    'chord.load.owned_keys': 0,
    'chord.load.replica_keys': 0,
    'chord.load.bytes': 0,
    'chord.load.gets': 0,
    'chord.load.puts': 0,
    'chord.load.deletes': 0,
    'chord.load.under_replicated_keys': 0,
    'chord.load.known_hosts': ring.length,
    'chord.load.full_replicas': REPLICAS,
    'chord.telemetry.lost': 0,
  })
}

// A span of a member, below another one or as a root.
function span(m, name, attributes, parent) {
  const context = parent ? trace.setSpan(ROOT_CONTEXT, parent) : ROOT_CONTEXT
  return tracer.startSpan(
    name,
    { attributes: { 'chord.node.id': hex(m.id), 'chord.host.id': m.host, 'chord.outcome': 'ok', ...attributes } },
    context,
  )
}

// The pointer by which a member passes a lookup on: itself if it owns the key, its successor if that does, else the
// finger nearest before the key.
function choose(m, key) {
  if (ownerOf(key) === m) return { pointer: 'self' }
  if (ownerOf(key) === after(m, 1)) return { pointer: 'successor', slot: 0, to: after(m, 1) }
  for (let i = BITS - 1; i >= 0; i--) {
    const to = finger(m, i)
    if (to !== m && distance(m.id, to.id) < distance(m.id, key)) return { pointer: 'finger', slot: i, to }
  }
  throw new Error('a successor lies nearer than the key')
}

// A lookup is one trace: chord.lookup at the initiator, and a chord.lookup.hop of each member after it, numbered from 1.
function lookup(initiator, key) {
  const way = []
  for (let m = initiator; m; m = way[way.length - 1].to) way.push({ m, ...choose(m, key) })
  const open = []
  way.forEach(({ m, pointer, slot, to }, hop) => {
    const attributes = {
      'chord.lookup.key': hex(key),
      'chord.lookup.mode': 'recursive',
      'chord.lookup.pointer': pointer,
      'chord.lookup.distance': hex(distance(m.id, key)),
      'chord.lookup.timeouts': 0,
      ...(to && { 'chord.lookup.slot': slot, 'chord.peer.id': hex(to.id) }),
    }
    if (hop === 0) {
      attributes['chord.lookup.hops'] = Math.max(way.length - 2, 0) // neither the initiator nor the owner counts
      attributes['chord.lookup.owner'] = hex(way[way.length - 1].m.id)
      open.push(span(m, 'chord.lookup', attributes))
    } else {
      open.push(span(m, 'chord.lookup.hop', { ...attributes, 'chord.lookup.hop': hop }, open[hop - 1]))
    }
  })
  open.reverse().forEach((s) => s.end())
}

// Each member joins through the first one. The event has the trace context of the operation that caused it.
for (const m of ring) {
  const join = span(m, 'chord.join', m === ring[0] ? {} : { 'chord.peer.id': hex(ring[0].id), 'chord.join.attempts': 1 })
  const through = m === ring[0] ? { 'chord.peer.id': '' } : peer('chord.peer', ring[0]) // none: it founded the ring
  emit(m, 'chord.node.joined', through, trace.setSpan(ROOT_CONTEXT, join))
  join.end()
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort())
for (let t = 0; t < seconds && !stop.signal.aborted; t++) {
  if (t % PERIOD === 0) ring.forEach((m) => keyframe(m))
  lookup(ring[t % ring.length], hash(`key ${t}`))
  await sleep(1000, undefined, { signal: stop.signal }).catch(() => {})
}
// A member that stops sending without this becomes silent; the conductor cannot know that it left.
ring.forEach((m) => keyframe(m, 'left'))
try {
  await Promise.all([events.shutdown(), spans.shutdown()]) // both send what still waits
} catch (err) {
  console.error(`emitter: cannot send what still waits: ${err.message}`)
  process.exitCode = 1
}
