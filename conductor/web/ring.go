package web

import (
	"net/http"
	"slices"
	"time"

	"chordconductor/conductor/hub"
	"chordconductor/conductor/live"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

type ringJSON struct {
	Epoch      string          `json:"epoch"`
	Seq        uint64          `json:"seq"`
	Time       time.Time       `json:"time"`
	Name       string          `json:"name"`
	Status     string          `json:"status"`
	Error      uint64          `json:"error"`
	Unknown    uint64          `json:"error_unknown"` // pointers that the ring error leaves out
	Certainty  certaintyJSON   `json:"certainty"`
	Tolerance  toleranceJSON   `json:"tolerance"`
	Bits       int             `json:"bits"`
	Successors int             `json:"successors"`
	Replicas   int             `json:"replicas"`
	Counts     map[string]int  `json:"counts"`
	Faults     []faultJSON     `json:"faults"`       // of what emits the members' telemetry: 100 at most
	FaultCount int             `json:"faults_count"` // of all
	Violations []violationJSON `json:"violations"`
	Nodes      []nodeJSON      `json:"nodes"`
}

type certaintyJSON struct {
	State   string          `json:"state"`
	Count   int             `json:"count"` // members that are not certain
	Of      int             `json:"of"`
	Members []uncertainJSON `json:"members"` // 100 at most
}

type uncertainJSON struct {
	ID          string    `json:"id"`
	Incarnation int64     `json:"incarnation"`
	Host        string    `json:"host"` // empty: not known
	Why         string    `json:"why"`
	Since       time.Time `json:"since"`
}

type faultJSON struct {
	Kind        string    `json:"kind"`
	ID          string    `json:"id"`
	Incarnation int64     `json:"incarnation"`
	Host        string    `json:"host"` // the address of the host
	Since       time.Time `json:"since"`
	Text        string    `json:"text"`
	Other       int64     `json:"other_incarnation,omitempty"`
	Instances   []string  `json:"instances,omitempty"`
	AheadMS     *int64    `json:"clock_ahead_at_least_ms,omitempty"`
	BehindMS    *int64    `json:"clock_behind_at_most_ms,omitempty"`
}

type toleranceJSON struct {
	Pointers int `json:"pointers"`
	Keys     int `json:"keys"`
	Hosts    int `json:"hosts"`
}

type violationJSON struct {
	Condition string     `json:"condition"`
	Detail    string     `json:"detail"`
	Members   []string   `json:"members"`
	Since     time.Time  `json:"since"`
	Healed    *time.Time `json:"healed,omitempty"`
	TraceID   string     `json:"trace_id,omitempty"`
}

type nodeJSON struct {
	ID          string   `json:"id"`
	Address     string   `json:"address"`
	Host        string   `json:"host"`
	Incarnation int64    `json:"incarnation"`
	Status      string   `json:"status"`
	Predecessor string   `json:"predecessor"` // empty: none
	Successors  []string `json:"successors"`  // placeholders left out
	Keys        int64    `json:"keys"`
	Replicas    int64    `json:"replicas"`
	Bytes       int64    `json:"bytes"`
	Error       int      `json:"error"`
	Uncertain   bool     `json:"uncertain"`
	StalenessMS int64    `json:"staleness_ms"` // age of the newest event
}

type nodeDetailJSON struct {
	nodeJSON
	Ownership *ownershipJSON `json:"ownership,omitempty"`
	Fingers   []fingerJSON   `json:"fingers"`
	Gets      int64          `json:"gets"`
	Puts      int64          `json:"puts"`
	Deletes   int64          `json:"deletes"`
	Events    []eventJSON    `json:"events"`
}

type ownershipJSON struct {
	From  string `json:"from"` // the range (from, id]
	Epoch int64  `json:"epoch"`
}

type fingerJSON struct {
	First int    `json:"first"`
	Last  int    `json:"last"`
	ID    string `json:"id"` // empty: none
}

// ring answers with the present view or, with ?at=, with the view of an instant of the past.
func (s *Server) ring(w http.ResponseWriter, r *http.Request) {
	view, past, ok := s.view(w, r)
	if !ok {
		return
	}
	if accepts(r, protobufType) {
		s.snapshot(w, r, view, past)
		return
	}
	f := formatOf(view)
	out := ringJSON{
		Epoch: s.cfg.Source.Epoch(), Seq: view.Seq, Time: view.Time, Name: view.Name, Status: view.Status.String(), Error: view.Error,
		Unknown: view.ErrorUnknown, Certainty: f.certainty(view.Certainty), Tolerance: toleranceJSON(view.Tolerance),
		Bits: view.Bits, Successors: view.ListLen, Replicas: view.Replicas, Counts: counts(view.Counts),
		Faults: make([]faultJSON, 0, len(view.Faults)), FaultCount: view.FaultCounts.Total(),
		Violations: make([]violationJSON, 0, len(view.Violations)),
		Nodes:      make([]nodeJSON, 0, len(view.Members)),
	}
	for i := range view.Faults {
		out.Faults = append(out.Faults, f.fault(&view.Faults[i]))
	}
	for _, v := range view.Violations {
		out.Violations = append(out.Violations, f.violation(v))
	}
	for _, m := range view.Members {
		out.Nodes = append(out.Nodes, f.node(m))
	}
	answer(w, r, http.StatusOK, out)
}

// ringNode answers with everything that is known about one member, now or, with ?at=, at an instant of the past.
func (s *Server) ringNode(w http.ResponseWriter, r *http.Request) {
	view, past, ok := s.view(w, r)
	if !ok {
		return
	}
	id, wrong := member(view, r.PathValue("id"), false)
	if wrong != nil {
		wrong.answer(w)
		return
	}
	events, ok := s.feed(w, r, view, past, maxEvents)
	if !ok {
		return
	}
	events = slices.DeleteFunc(events, func(ev live.FeedEvent) bool { return ev.ID != id && !(ev.HasPeer && ev.Peer == id) })
	events = events[max(0, len(events)-recentAbout):]
	if accepts(r, protobufType) {
		s.protobuf(w, r, hub.Detail(id, view, events))
		return
	}
	m := view.Member(id)
	f := formatOf(view)
	if m == nil {
		fail(w, http.StatusNotFound, "no member %s in the ring view", f.id(id))
		return
	}
	out := nodeDetailJSON{
		nodeJSON: f.node(m), Gets: m.Load.Gets, Puts: m.Load.Puts, Deletes: m.Load.Deletes,
		Fingers: make([]fingerJSON, 0, len(m.Fingers)), Events: []eventJSON{},
	}
	if m.Ownership.Owns {
		out.Ownership = &ownershipJSON{f.id(m.Ownership.From), m.Ownership.Epoch}
	}
	for _, run := range m.Fingers {
		out.Fingers = append(out.Fingers, fingerJSON{run.First, run.Last, f.peer(run.Peer)})
	}
	for _, ev := range events {
		out.Events = append(out.Events, f.event(ev))
	}
	answer(w, r, http.StatusOK, out)
}

// A format writes identifiers with the ring's number of digits.
type format struct {
	space chord.Space
	now   time.Time
}

func formatOf(v *ring.View) format {
	bits := v.Bits
	if bits == 0 {
		bits = chord.MaxBits // no event received yet
	}
	space, err := chord.NewSpace(bits)
	if err != nil {
		space, _ = chord.NewSpace(chord.MaxBits)
	}
	return format{space, v.Time}
}

func (f format) id(id chord.ID) string { return f.space.Format(id) }

func (f format) peer(p chordevent.PeerRef) string {
	if !p.Real() {
		return ""
	}
	return f.id(p.ID)
}

func (f format) ids(ids []chord.ID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = f.id(id)
	}
	return out
}

func (f format) node(m *ring.Member) nodeJSON {
	held := m.Holds()
	n := nodeJSON{
		ID: f.id(m.ID), Address: m.Host.Address, Host: m.Host.ID, Incarnation: m.Incarnation, Status: m.Status.String(),
		Predecessor: f.peer(m.Predecessor), Successors: make([]string, 0, len(m.Successors)),
		Keys: held.OwnedKeys, Replicas: held.ReplicaKeys, Bytes: held.Bytes,
		Error: m.Error, Uncertain: m.Uncertain,
	}
	for _, p := range m.Successors {
		if p.Real() {
			n.Successors = append(n.Successors, f.id(p.ID))
		}
	}
	if !m.LastEvent.IsZero() {
		n.StalenessMS = max(0, f.now.Sub(m.LastEvent).Milliseconds())
	}
	return n
}

func (f format) certainty(c ring.Certainty) certaintyJSON {
	out := certaintyJSON{State: c.State.String(), Count: c.Count, Of: c.Of, Members: make([]uncertainJSON, len(c.Members))}
	for i, m := range c.Members {
		out.Members[i] = uncertainJSON{f.id(m.ID), m.Incarnation, m.Host, m.Why.String(), m.Since}
	}
	return out
}

func (f format) fault(x *ring.Fault) faultJSON {
	out := faultJSON{
		Kind: x.Kind.String(), ID: f.id(x.ID), Incarnation: x.Incarnation, Host: x.Host.Address, Since: x.Since, Text: x.String(), Other: x.Other,
	}
	bound := x.Bound.Milliseconds()
	switch x.Kind {
	case ring.TwoProcesses:
		out.Instances = x.Instances[:]
	case ring.ClockAhead:
		out.AheadMS = &bound
	case ring.ClockBehind:
		bound = (x.Bound + time.Millisecond - 1).Milliseconds()
		out.BehindMS = &bound
	}
	return out
}

func (f format) violation(v ring.Violation) violationJSON {
	out := violationJSON{Condition: v.Condition, Detail: v.Detail, Members: f.ids(v.Members), Since: v.Since}
	if !v.Healed.IsZero() {
		out.Healed = &v.Healed
	}
	if v.Trace.IsValid() {
		out.TraceID = v.Trace.String()
	}
	return out
}

func counts(c ring.Counts) map[string]int {
	return map[string]int{
		"joining": c.Joining, "active": c.Active, "leaving": c.Leaving, "left": c.Left, "failed": c.Failed, "silent": c.Silent,
		"uncertain": c.Uncertain + c.Unheard,
	}
}
