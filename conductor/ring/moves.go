package ring

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// maxMoves bounds the key moves that are kept: beyond it, the moves whose newest event is the oldest are dropped.
const maxMoves = 512

// A moveTable has two registers for each key move: what the sender reports of it, and what the receiver reports.
type moveTable struct {
	by      map[string]*move
	bytes   int64   // of memory
	changed bool    // since the last view
	shown   []*Move // the last view's
}

type move struct {
	id      string
	arrived time.Time // arrival of the move's last new event
	started time.Time // earliest timestamp
	side    [2]moveSide
	shown   *Move
}

const (
	incoming = iota
	outgoing
)

type moveSide struct {
	node     chord.ID
	inc, seq int64
	at       time.Time
	trace    trace.TraceID
	body     chordevent.KeysMoved
}

// newest returns the later of the two sides' timestamps.
func (m *move) newest() time.Time {
	if a, b := m.side[incoming].at, m.side[outgoing].at; a.After(b) {
		return a
	} else {
		return b
	}
}

// compare orders moves by the time of their newest event.
func (m *move) compare(o *move) int {
	return cmp.Or(m.newest().Compare(o.newest()), cmp.Compare(m.id, o.id))
}

// apply applies one event.
func (t *moveTable) apply(ev *chordevent.Event, body *chordevent.KeysMoved, arrived time.Time) bool {
	side := moveSide{ev.Node.ID, ev.Node.Incarnation, ev.Node.Seq, ev.Time, ev.Trace, *body}
	k := incoming
	if body.Outgoing {
		k = outgoing
	}
	m := t.by[body.MoveID]
	if m == nil {
		m = &move{id: body.MoveID, started: ev.Time}
		t.by[m.id] = m
		t.bytes += moveSize
	}
	earlier := ev.Time.Before(m.started)
	if earlier {
		m.started, m.shown, t.changed = ev.Time, nil, true
	}
	old := &m.side[k]
	if cmp.Or(cmp.Compare(side.inc, old.inc), cmp.Compare(side.seq, old.seq), side.node.Compare(old.node)) <= 0 {
		return earlier
	}
	t.bytes += side.size() - old.size()
	m.side[k], m.arrived, m.shown = side, arrived, nil
	t.changed = true
	if len(t.by) > maxMoves {
		t.drop()
	}
	return true
}

// drop removes the move whose newest event is the oldest.
func (t *moveTable) drop() {
	var last *move
	for _, m := range t.by {
		if last == nil || m.compare(last) < 0 {
			last = m
		}
	}
	t.remove(last)
}

func (t *moveTable) remove(m *move) {
	delete(t.by, m.id)
	t.bytes -= moveSize + m.side[incoming].size() + m.side[outgoing].size()
}

// forget removes the moves that have had no new event for long.
func (t *moveTable) forget(r *Ring) (changed bool) {
	for _, m := range t.by {
		if end := m.arrived.Add(r.opt.Forget); r.now.Before(end) {
			r.others.by(end)
			continue
		}
		t.remove(m)
		t.changed, changed = true, true
	}
	return changed
}

// view returns the moves in the form that readers see, the newest first.
func (t *moveTable) view() []*Move {
	if !t.changed {
		return t.shown
	}
	t.changed = false
	t.shown = make([]*Move, 0, len(t.by))
	for _, m := range t.by {
		if m.shown == nil {
			m.shown = m.view()
		}
		t.shown = append(t.shown, m.shown)
	}
	slices.SortFunc(t.shown, func(a, b *Move) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(a.ID, b.ID))
	})
	return t.shown
}

// view merges what the sender and the receiver of a move have reported. The report of the later phase counts: neither
// member reports done, or failed, before that is true.
func (m *move) view() *Move {
	in, out := &m.side[incoming], &m.side[outgoing]
	lead := out
	if out.seq == 0 || in.seq != 0 && phaseRank(in.body.Phase) > phaseRank(out.body.Phase) {
		lead = in
	}
	v := &Move{
		ID: m.id, From: lead.body.From, To: lead.body.To, Phase: lead.body.Phase, Reason: lead.body.Reason,
		Keys: max(in.body.Keys, out.body.Keys), Bytes: max(in.body.Bytes, out.body.Bytes),
		Started: m.started, Updated: m.newest(), Trace: lead.trace,
	}
	if lead == out {
		v.Source, v.Receiver = out.node, out.body.Peer.ID
	} else {
		v.Source, v.Receiver = in.body.Peer.ID, in.node
	}
	return v
}

func phaseRank(p chordevent.MovePhase) int {
	switch p {
	case chordevent.MoveFailed:
		return 1
	case chordevent.MoveDone:
		return 2
	}
	return 0
}
