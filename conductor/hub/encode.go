package hub

import (
	"cmp"
	"fmt"
	"time"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// The share of the recent past that a snapshot carries.
const (
	snapshotEvents  = 200
	snapshotLookups = 100
	snapshotSamples = 1800
)

// Snapshot encodes one view for the wire, with handles of its own. It serves views of the past too.
func Snapshot(v *ring.View, stats live.Stats, events []live.FeedEvent, found []lookups.Lookup, samples []live.Sample) *hubpb.Snapshot {
	t := newTable()
	rows, _ := t.update(v)
	return &hubpb.Snapshot{
		Seq: v.Seq, Ring: ringState(v, stats), Members: columns(rows),
		Events: feedEvents(events), Lookups: lookupList(found), Samples: sampleList(samples),
	}
}

var ringStatus = map[ring.Status]hubpb.RingState_Status{
	ring.Unknown:   hubpb.RingState_STATUS_UNSPECIFIED,
	ring.Forming:   hubpb.RingState_STATUS_FORMING,
	ring.Ideal:     hubpb.RingState_STATUS_IDEAL,
	ring.Repairing: hubpb.RingState_STATUS_REPAIRING,
	ring.Violated:  hubpb.RingState_STATUS_VIOLATED,
}

func ringState(v *ring.View, s live.Stats) *hubpb.RingState {
	out := &hubpb.RingState{
		Status: ringStatus[v.Status], Error: v.Error, TimeMs: millis(v.Time), Name: v.Name,
		Bits: uint32(v.Bits), Successors: uint32(v.ListLen), Replicas: uint32(v.Replicas),
		StalenessP50Ms: milliseconds(s.StalenessP50), StalenessP99Ms: milliseconds(s.StalenessP99),
		RecordsLost: uint64(max(v.Counts.Lost, 0)), RecordsRejected: s.RejectedTotal(), SpansDropped: s.SpansDropped, LookupsSampled: s.LookupsSampled,
		Joining: uint32(v.Counts.Joining), Active: uint32(v.Counts.Active), Leaving: uint32(v.Counts.Leaving),
		Left: uint32(v.Counts.Left), Failed: uint32(v.Counts.Failed), Silent: uint32(v.Counts.Silent),
		Uncertain: uint32(v.Counts.Uncertain + v.Counts.Unheard), MembersRefused: uint32(v.Counts.RefusedMembers),
		ErrorUnknown: v.ErrorUnknown, Certainty: certainty(&v.Certainty),
		Tolerance: &hubpb.Tolerance{Pointers: uint32(v.Tolerance.Pointers), Keys: uint32(v.Tolerance.Keys), Hosts: uint32(v.Tolerance.Hosts)},
	}
	out.FaultCount = uint32(v.FaultCounts.Total())
	for i := range v.Faults[:min(len(v.Faults), namedFaults)] {
		f := &v.Faults[i]
		out.Faults = append(out.Faults, &hubpb.Fault{Kind: f.Kind.String(), Id: bytesOf(f.ID), Host: f.Host.Address, Text: f.String(), SinceMs: millis(f.Since)})
	}
	for _, violation := range v.Violations {
		p := &hubpb.Violation{
			Condition: violation.Condition, Detail: violation.Detail, SinceMs: millis(violation.Since), HealedMs: millis(violation.Healed),
		}
		if violation.Trace.IsValid() {
			p.TraceId = violation.Trace.String()
		}
		for _, id := range violation.Members {
			p.Members = append(p.Members, id[:])
		}
		out.Violations = append(out.Violations, p)
	}
	return out
}

// foreignLines describes, for the first few, the rings and processes that sent foreign events, and the parameters of
// refused members.
func foreignLines(s live.Stats) (lines []string) {
	for _, f := range s.ForeignRings[:min(len(s.ForeignRings), namedForeign)] {
		lines = append(lines, fmt.Sprintf("ring %q: %d events of %s are of another ring than the one shown", f.Ring, f.Events, cmp.Or(f.Instance, "a process without service.instance.id")))
	}
	for _, p := range s.RefusedParameters[:min(len(s.RefusedParameters), namedForeign)] {
		lines = append(lines, fmt.Sprintf("members that the ring refuses: %d of %d bits, r %d, R %d", p.Members, p.Bits, p.Successors, p.Replicas))
	}
	return lines
}

const namedForeign = 3

// namedFaults bounds the faults that the state of the ring lists: each patch carries the whole list.
const namedFaults = 10

// namedUncertain bounds the uncertain members that the state of the ring lists: each patch carries the whole list.
const namedUncertain = 10

func certainty(c *ring.Certainty) *hubpb.Certainty {
	out := &hubpb.Certainty{State: certaintyState[c.State], Count: uint32(c.Count), Of: uint32(c.Of)}
	for _, m := range c.Members[:min(len(c.Members), namedUncertain)] {
		out.Members = append(out.Members, &hubpb.UncertainMember{
			Id: bytesOf(m.ID), Incarnation: m.Incarnation, Host: m.Host, Why: m.Why.String(), SinceMs: millis(m.Since),
		})
	}
	return out
}

var certaintyState = map[ring.CertaintyState]hubpb.Certainty_State{
	ring.NothingCertain: hubpb.Certainty_STATE_NOTHING,
	ring.PartlyCertain:  hubpb.Certainty_STATE_PARTIAL,
	ring.AllCertain:     hubpb.Certainty_STATE_ALL,
}

func feedEvents(events []live.FeedEvent) []*hubpb.FeedEvent {
	out := make([]*hubpb.FeedEvent, len(events))
	for i, e := range events {
		out[i] = &hubpb.FeedEvent{
			Seq: e.Seq, TimeMs: millis(e.Time), Kind: string(e.Kind), Id: bytesOf(e.ID), Text: e.Text,
			Warning: e.Warning, Keys: uint64(max(e.Keys, 0)), Outgoing: e.Outgoing,
			ArrivedMs: millisFrom(e.Arrived),
		}
		if e.HasPeer {
			out[i].Peer = bytesOf(e.Peer)
		}
		if e.Trace.IsValid() {
			out[i].TraceId = e.Trace.String()
		}
	}
	return out
}

func lookupList(found []lookups.Lookup) []*hubpb.Lookup {
	out := make([]*hubpb.Lookup, len(found))
	for i, l := range found {
		p := &hubpb.Lookup{
			TraceId: l.Trace.String(), StartUs: l.Start.UnixMicro(), DurationUs: l.Duration.Microseconds(),
			Operation: l.Operation, Mode: l.Mode, Key: bytesOf(l.Key), Error: l.Err,
			Outcome: hubpb.Lookup_Outcome(l.Outcome),
		}
		at := time.Duration(0)
		for _, h := range l.Hops {
			at = max(at, h.At) // a hop without a time, or by a slow clock, must not be earlier than the hop before
			p.Hops = append(p.Hops, &hubpb.Hop{
				Id: bytesOf(h.ID), Pointer: h.Pointer, Slot: int32(h.Slot), AtUs: at.Microseconds(), Timeouts: int32(h.Timeouts), ClockUs: h.Clock.Microseconds(),
			})
		}
		out[i] = p
	}
	return out
}

func sampleList(samples []live.Sample) []*hubpb.Sample {
	out := make([]*hubpb.Sample, len(samples))
	for i, s := range samples {
		out[i] = &hubpb.Sample{
			TimeMs: millis(s.Time), Members: uint32(s.Members), Error: s.Error, Lookups: s.Lookups,
			P50Ms: milliseconds(s.P50), P99Ms: milliseconds(s.P99), Puts: s.Puts, Gets: s.Gets, Events: s.Events, Spans: s.Spans,
		}
	}
	return out
}

// Detail encodes the details of the member that a client watches.
func Detail(id chord.ID, v *ring.View, events []live.FeedEvent) *hubpb.NodeDetail {
	out := &hubpb.NodeDetail{Id: bytesOf(id), Events: feedEvents(events)}
	m := v.Member(id)
	if m == nil {
		out.Gone = true
		return out
	}
	out.Address, out.Host = m.Host.Address, m.Host.ID
	if m.Started.Address != "" {
		out.Address = m.Started.Address
	}
	out.Incarnation, out.EventSeq = m.Incarnation, uint64(m.Seq)
	out.Gets, out.Puts, out.Deletes = uint64(m.Load.Gets), uint64(m.Load.Puts), uint64(m.Load.Deletes)
	if m.Predecessor.Real() {
		out.Predecessor = bytesOf(m.Predecessor.ID)
	}
	for _, s := range m.Successors {
		if s.Real() {
			out.Successors = append(out.Successors, bytesOf(s.ID))
		} else {
			out.Placeholders++
		}
	}
	for _, run := range m.Fingers {
		f := &hubpb.FingerRun{First: uint32(run.First), Last: uint32(run.Last)}
		if run.Peer.Real() {
			f.Id = bytesOf(run.Peer.ID)
		}
		out.Fingers = append(out.Fingers, f)
	}
	if m.Ownership.Owns {
		out.RangeFrom, out.Epoch = bytesOf(m.Ownership.From), m.Ownership.Epoch
	}
	return out
}

// millisFrom returns the first whole Unix millisecond that is not before t; 0 for the zero time.
func millisFrom(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Add(time.Millisecond - time.Nanosecond).UnixMilli()
}

func bytesOf(id chord.ID) []byte { return id[:] }

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
