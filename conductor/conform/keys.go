package conform

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

const (
	maxMoves  = 10_000      // moves of keys that are followed, some 3 MB; further ones are counted
	moveLimit = time.Minute // a move that began longer before the end than this should have ended
)

// A moveRecord holds what both sides reported of one move of keys.
type moveRecord struct {
	begun    [2]bool // out, in
	ended    [2]bool
	from, to chord.ID
	updated  time.Time
	example  string
}

// loadAttributes are the attributes of a load that are optional; without them the view has no data about replicas.
var loadAttributes = []attribute.Key{chordevent.LoadUnderReplicatedKey, chordevent.LoadKnownHostsKey, chordevent.LoadFullReplicasKey}

// keys checks the ranges and keys of one event by itself.
func (c *Verifier) keys(ev *chordevent.Event, attrs pcommon.Map) {
	s := c.sheets[Keys]
	switch body := ev.Body.(type) {
	case chordevent.OwnershipChanged:
		s.see("changes of ownership", 1)
	case chordevent.NodeLoad:
		s.see("loads", 1)
		c.load(ev, &body.Load, attrs, 0)
	case chordevent.State:
		if body.Ownership.Owns {
			s.see("keyframes with an owned range", 1)
		}
		if !body.Ownership.Owns && body.Load.OwnedKeys > 0 {
			s.errs(exampleOf(ev), "%s: above 0 for a member that owns no range, according to %s", chordevent.LoadOwnedKeysKey, chordevent.OwnershipOwnsKey)
		}
		c.load(ev, &body.Load, attrs, body.Replicas)
	case chordevent.KeysMoved:
		s.see("moves of keys: "+string(body.Phase), 1)
		c.move(ev, &body)
	}
}

// load checks a load; replicas is R, 0 if the event does not state it.
func (c *Verifier) load(ev *chordevent.Event, load *chordevent.Load, attrs pcommon.Map, replicas int) {
	s := c.sheets[Keys]
	for _, key := range loadAttributes {
		if _, ok := attrs.Get(string(key)); !ok {
			s.lacks(exampleOf(ev), "%s: without it replicas are unknown", key)
		}
	}
	if r := int64(replicas); r > 0 && load.FullReplicas > r {
		s.errs(exampleOf(ev), "%s: more than %s", chordevent.LoadFullReplicasKey, chordevent.RingReplicasKey)
	}
	if load.FullReplicas > load.KnownHosts {
		s.errs(exampleOf(ev), "%s: more than %s", chordevent.LoadFullReplicasKey, chordevent.LoadKnownHostsKey)
	}
	if load.UnderReplicated > load.OwnedKeys {
		s.errs(exampleOf(ev), "%s: more than %s", chordevent.LoadUnderReplicatedKey, chordevent.LoadOwnedKeysKey)
	}
}

// move stores what one of the two members of a move has reported.
func (c *Verifier) move(ev *chordevent.Event, body *chordevent.KeysMoved) {
	s := c.sheets[Keys]
	if body.MoveID == "" {
		s.errs(exampleOf(ev), "%s: empty", chordevent.MoveIDKey)
		return
	}
	if !body.Peer.Real() {
		s.errs(exampleOf(ev), "%s: the event does not name the other member of the move", chordevent.PeerIDKey)
	}
	m := c.moves[body.MoveID]
	if m == nil {
		if len(c.moves) >= maxMoves {
			s.note("", "more than %d moves: further ones are not checked", maxMoves)
			return
		}
		m = &moveRecord{from: body.From, to: body.To}
		c.moves[body.MoveID] = m
	}
	side := 0
	if !body.Outgoing {
		side = 1
	}
	if m.from != body.From || m.to != body.To {
		s.errs(exampleOf(ev), "%s, %s: the two members of a move name different ranges", chordevent.MoveFromKey, chordevent.MoveToKey)
	}
	if body.Phase == chordevent.MoveStarted {
		m.begun[side] = true
	} else {
		m.ended[side] = true
	}
	if ev.Time.After(m.updated) {
		m.updated, m.example = ev.Time, exampleOf(ev)
	}
}

// endKeys checks the ranges at the end, and the moves that have not ended.
func (c *Verifier) endKeys(v *ring.View) {
	s := c.sheets[Keys]
	if len(s.seen) == 0 {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(c.moves)) {
		m := c.moves[id]
		for side, direction := range []string{"out", "in"} {
			switch {
			case m.ended[side] && !m.begun[side]:
				s.lacks(m.example, "event %s with the phase started, of a move whose end was received", chordevent.KindKeysMoved)
			case m.begun[side] && !m.ended[side] && c.now.Sub(m.updated) > moveLimit && !m.ended[1-side]:
				s.errs(m.example, "%s: a move (%s) started and did not end within a minute", chordevent.MovePhaseKey, direction)
			}
		}
	}
	space, err := chord.NewSpace(v.Bits)
	if err != nil || !c.state.wasIdeal {
		return
	}
	for _, m := range v.Members {
		if m.Status != ring.Active {
			continue
		}
		switch {
		case !m.Ownership.Owns:
			s.lacks(fmt.Sprintf("member %s at the end", space.Format(m.ID)), "%s = true for an active member in an ideal ring: such a member owns the range after its predecessor", chordevent.OwnershipOwnsKey)
		case m.Predecessor.Real() && m.Ownership.From != m.Predecessor.ID && len(c.state.members) > 1:
			s.errs(fmt.Sprintf("member %s: range from %s, predecessor %s", space.Format(m.ID), space.Format(m.Ownership.From), space.Format(m.Predecessor.ID)),
				"%s: not the predecessor, in an ideal ring at the end", chordevent.OwnershipFromKey)
		}
	}
}
