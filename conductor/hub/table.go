package hub

import (
	"time"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// A row is a member as the page receives it. Rows are comparable: a patch contains a member when its row differs from
// the one sent before.
type row struct {
	id          chord.ID
	handle      uint32
	address     string
	host        string
	status      hubpb.Members_Status
	uncertain   bool
	predecessor uint32
	successor   uint32
	from        float64
	keys        uint64
	replicas    uint64
	bytes       uint64
	err         uint32
	lastEvent   int64
	incarnation int64
}

// A table holds the rows of one view, and the members' handles across all views. It has as many rows as the view has
// members, and the fold bounds these. A handle is never reused for another member.
type table struct {
	view    *ring.View
	rows    []row // parallel to view.Members: by ID
	handles map[chord.ID]uint32
	last    uint32 // handle assigned last
}

func newTable() *table { return &table{view: &ring.View{}, handles: map[chord.ID]uint32{}} }

// update brings the table to a newer view. It returns the rows that are new or differ, and the handles of removed
// members.
func (t *table) update(v *ring.View) (changed []row, removed []uint32) {
	old, oldRows := t.view.Members, t.rows
	space, _ := chord.NewSpace(v.Bits) // the zero Space while bits are unknown: then no member owns a range yet
	if relink := t.enter(v); !relink {
		t.view = v
		for i, m := range v.Members {
			if m == old[i] {
				continue
			}
			if r := t.row(m, v, space); r != t.rows[i] {
				t.rows[i] = r
				changed = append(changed, r)
			}
		}
		return changed, nil
	}

	t.rows = make([]row, len(v.Members))
	from := 0
	for i, m := range v.Members {
		for from < len(old) && old[from].ID.Compare(m.ID) < 0 {
			from++
		}
		t.rows[i] = t.row(m, v, space)
		if from == len(old) || old[from].ID != m.ID || t.rows[i] != oldRows[from] {
			changed = append(changed, t.rows[i])
		}
	}
	for _, r := range oldRows {
		if _, still := t.handles[r.id]; !still {
			removed = append(removed, r.handle)
		}
	}
	t.view = v
	return changed, removed
}

// enter assigns handles to new members and removes the handles of members that are gone. It reports whether the set of
// members, or of live members, has changed: then any row may differ, since rows refer to other members and to the first
// live successor. Otherwise the order of members is unchanged.
func (t *table) enter(v *ring.View) (relink bool) {
	old := t.view.Members
	relink = v.Bits != t.view.Bits
	i := 0
	for _, m := range v.Members {
		if i < len(old) && old[i] == m {
			i++
			continue
		}
		for ; i < len(old) && old[i].ID.Compare(m.ID) < 0; i++ {
			delete(t.handles, old[i].ID)
			relink = true
		}
		if i < len(old) && old[i].ID == m.ID {
			relink = relink || old[i].Gone() != m.Gone() || old[i].Incarnation != m.Incarnation
			i++
			continue
		}
		t.last++
		t.handles[m.ID] = t.last
		relink = true
	}
	for ; i < len(old); i++ {
		delete(t.handles, old[i].ID)
		relink = true
	}
	return relink
}

func (t *table) row(m *ring.Member, v *ring.View, space chord.Space) row {
	held := m.Holds()
	r := row{
		id: m.ID, handle: t.handles[m.ID], address: m.Host.Address, host: m.Host.ID,
		status: hubpb.Members_Status(m.Status), uncertain: m.Uncertain,
		from: -1, keys: uint64(held.OwnedKeys), replicas: uint64(held.ReplicaKeys), bytes: uint64(held.Bytes),
		err: uint32(m.Error), lastEvent: millis(m.LastEvent), incarnation: m.Incarnation,
	}
	if m.Started.Address != "" {
		r.address = m.Started.Address
	}
	if r.host == r.address {
		r.host = "" // the usual case, and a sixth of a snapshot
	}
	if m.Predecessor.Real() {
		r.predecessor = t.handles[m.Predecessor.ID]
	}
	if next, ok := v.Successor(m); ok {
		r.successor = t.handles[next.ID]
	}
	if m.Ownership.Owns && space.Bits() > 0 {
		r.from = space.Fraction(m.Ownership.From)
	}
	return r
}

// millis returns Unix milliseconds; 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// columns encodes rows in the columnar form of the wire.
func columns(rows []row) *hubpb.Members {
	n := len(rows)
	out := &hubpb.Members{
		Handle: make([]uint32, n), Id: make([]byte, 0, n*len(chord.ID{})), Address: make([]string, n), Host: make([]string, n),
		Status: make([]hubpb.Members_Status, n), Uncertain: make([]bool, n), Predecessor: make([]uint32, n),
		Successor: make([]uint32, n), RangeFrom: make([]float64, n), Keys: make([]uint64, n), Replicas: make([]uint64, n),
		Bytes: make([]uint64, n), Error: make([]uint32, n), LastEventMs: make([]int64, n), Incarnation: make([]int64, n),
	}
	for i := range rows {
		r := &rows[i]
		out.Id = append(out.Id, r.id[:]...)
		out.Handle[i], out.Address[i], out.Host[i] = r.handle, r.address, r.host
		out.Status[i], out.Uncertain[i] = r.status, r.uncertain
		out.Predecessor[i], out.Successor[i], out.RangeFrom[i] = r.predecessor, r.successor, r.from
		out.Keys[i], out.Replicas[i], out.Bytes[i] = r.keys, r.replicas, r.bytes
		out.Error[i], out.LastEventMs[i], out.Incarnation[i] = r.err, r.lastEvent, r.incarnation
	}
	return out
}
