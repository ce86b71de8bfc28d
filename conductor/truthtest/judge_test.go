package truthtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/node/member"
	"chordconductor/otel/chordevent"
)

// A field is one value of a member that is compared.
type field int

const (
	presence field = iota // the member is there, in its present incarnation
	status
	predecessor
	successors
	fingers
	owned
	keys
	fields
)

var fieldNames = [fields]string{"presence", "status", "predecessor", "successors", "fingers", "ownership", "keys"}

// values are a member's fields, in a form that can be compared. The field presence has no value.
type values [fields]string

// identity is one incarnation of a member.
type identity struct {
	id  chord.ID
	inc int64
}

// A subject is the ground truth about one incarnation, from the member's own memory.
type subject struct {
	born  time.Time
	ended time.Time // zero: it is alive
	now   values
	state chord.State   // that now is of
	runs  []chord.Run   // the same
	past  [fields][]was // oldest first; values older than the bound are dropped
	shown *ring.Member  // as it was last shown
	shows values        // the values shown there
}

// was is a value that a field had, until an instant.
type was struct {
	value string
	until time.Time
}

// counts are the numbers of fields compared, by result.
type counts struct {
	compared, young, marked, unmarked int
	unnamed                           int           // incarnations that are not in the view, and that no member in it names
	oldest                            time.Duration // age of the oldest value that was shown unmarked
}

func (c *counts) add(o counts) {
	c.compared += o.compared
	c.young += o.young
	c.marked += o.marked
	c.unmarked += o.unmarked
	c.unnamed += o.unnamed
	c.oldest = max(c.oldest, o.oldest)
}

func (c counts) String() string {
	return fmt.Sprintf("%d fields compared: %d differed and were young (the oldest %v), %d differed and were marked, %d differed and were NOT marked; %d members could not be known of",
		c.compared, c.young, c.oldest.Round(time.Millisecond), c.marked, c.unmarked, c.unnamed)
}

// A judge compares views with the ground truth. Only one goroutine at a time may use it.
type judge struct {
	bound    time.Duration // the staleness bound
	begun    time.Time     // when the present conductor started to listen
	changed  time.Time     // when the ground truth last changed
	subjects map[identity]*subject
	counts   counts
	byField  [fields]counts
	rings    counts    // of the ring's state as a whole
	ideal    time.Time // when the members' pointers were last ideal
	other    time.Time // when they were last not
	wrong    []string  // the first fields that differed and were not marked
}

func newJudge(bound time.Duration, now time.Time) *judge {
	return &judge{bound: bound, begun: now, subjects: make(map[identity]*subject)}
}

const maxWrong = 3 // of each field

// loadPause is how long a member may take to report its load. It does so at most once a second and between two rounds
// of maintenance, one of which may wait for some dead peers, a second each.
const loadPause = 5 * time.Second

// note records a member's present fields.
func (j *judge) note(m *member.Member, now time.Time, edit func(*values)) *subject {
	key := identity{m.Self().ID, m.Self().Incarnation}
	s := j.subjects[key]
	if s == nil {
		s = &subject{born: now}
		s.now[predecessor] = peerText(chord.Peer{})
		j.subjects[key] = s
	}
	v := s.now
	v[status] = string(m.Status())
	if state := m.State(); state.Pred != s.state.Pred || !slices.Equal(state.Succ, s.state.Succ) {
		s.state = state
		v[predecessor], v[successors] = peerText(state.Pred), listText(state.Succ)
	}
	if runs := m.Fingers().Runs(); !slices.Equal(runs, s.runs) {
		s.runs = runs
		v[fingers] = runsText(runs)
	}
	edit(&v)
	for f := range v {
		if v[f] == s.now[f] {
			continue
		}
		j.changed = now
		s.past[f] = append(s.past[f], was{s.now[f], now})
		for s.past[f][0].until.Before(now.Add(-2 * j.bound)) {
			s.past[f] = s.past[f][1:]
		}
	}
	s.now = v
	return s
}

// received records a member's fields at the instant of one of its events: between two looks a field may have had a
// value that the view rightly shows. The keys and the ownership of an event are read from memory when the event is
// made.
func (j *judge) received(m *member.Member, ev *chordevent.Event) {
	j.note(m, ev.Time, func(v *values) {
		switch body := ev.Body.(type) {
		case chordevent.OwnershipChanged:
			v[owned] = ownedText(body.Ownership)
		case chordevent.NodeLoad:
			v[keys] = loadText(body.Load)
		case chordevent.State:
			v[owned], v[keys] = ownedText(body.Ownership), loadText(body.Load)
		case chordevent.Left:
			v[status] = string(chordevent.StatusLeft)
		}
	})
}

// look compares a view with the members that are alive now.
func (j *judge) look(now time.Time, v *ring.View, members []*member.Member) {
	alive := make(map[identity]bool, len(members))
	for _, m := range members {
		s := j.note(m, now, func(v *values) {
			v[owned], v[keys] = ownedText(m.Keys().Ownership()), loadText(m.Keys().Load())
		})
		key := identity{m.Self().ID, m.Self().Incarnation}
		alive[key] = true
		j.compare(now, v, key, s)
	}
	for key, s := range j.subjects {
		if !alive[key] && s.ended.IsZero() {
			s.ended = now
		}
	}
	for _, shown := range v.Members {
		key := identity{shown.ID, shown.Incarnation}
		if alive[key] {
			continue
		}
		s := j.subjects[key]
		switch gone := shown.Status == ring.Left || shown.Status == ring.Failed; {
		case s == nil:
			j.verdict(now, status, counts{unmarked: 1}, shown, "a member that never existed")
		case gone:
			j.verdict(now, status, counts{}, shown, "")
		case marks(&v.Certainty, key) || isNoMember(shown):
			j.verdict(now, status, counts{marked: 1}, shown, "")
		default:
			j.age(now, status, now.Sub(s.ended), shown, "gone")
		}
	}
}

// marks reports whether a certainty covers exactly that incarnation: because it names the incarnation, or because
// nothing is certain.
func marks(c *ring.Certainty, key identity) bool {
	return c.State == ring.NothingCertain || slices.ContainsFunc(c.Members, func(m ring.UncertainMember) bool {
		return m.ID == key.id && m.Incarnation == key.inc
	})
}

// isNoMember reports whether the view excludes an incarnation from the ring's members, without being sure: peers report
// it dead, which it may yet refute, or it is silent and its neighbours skip it. The certainty does not include it.
func isNoMember(m *ring.Member) bool {
	return m.Uncertain && (m.Status == ring.Failed || m.Status == ring.Silent)
}

// lookAtRing compares the ring's status in the view, if the view marks everything as certain, with the members' own
// pointers. The status is judged separately: it does not matter which members are uncertain.
func (j *judge) lookAtRing(now time.Time, v *ring.View, ideal bool) {
	if ideal {
		j.ideal = now
	} else {
		j.other = now
	}
	c := counts{compared: 1}
	shown, last := v.Status == ring.Ideal, j.other
	if shown {
		last = j.ideal
	}
	if j.begun.After(last) { // not since this conductor began, as in compare: members that have not reported to it are unknown to it
		last = j.begun
	}
	switch age := now.Sub(last); {
	case !v.Certainty.All() || v.Status == ring.Unknown:
		c.marked = 1
	case shown == ideal:
	case age <= j.bound:
		c.young, c.oldest = 1, age
	default:
		c.unmarked = 1
		if j.rings.unmarked < maxWrong {
			j.wrong = append(j.wrong, fmt.Sprintf("%s the ring: shows %s, all of it certain; it was last so, or may have been, %v ago", now.Format("04:05.000"), v.Status, age))
		}
	}
	j.rings.add(c)
}

// isNamed reports whether a member on the ring, as far as the view shows it, names an incarnation. If it is not named
// and no event of it has arrived, nothing can be known about it.
func isNamed(v *ring.View, key identity) bool {
	is := func(p chordevent.PeerRef) bool { return p.ID == key.id && p.Incarnation == key.inc }
	return slices.ContainsFunc(v.Members, func(m *ring.Member) bool {
		return (m.Status == ring.Active || m.Status == ring.Leaving) &&
			(is(m.Predecessor) || slices.ContainsFunc(m.Successors, is) || slices.ContainsFunc(m.Fingers, func(run chordevent.FingerRun) bool { return is(run.Peer) }))
	})
}

// compare compares one incarnation in a view with the ground truth.
func (j *judge) compare(now time.Time, v *ring.View, key identity, s *subject) {
	shown := v.Member(key.id)
	if shown == nil || shown.Incarnation != key.inc {
		since := s.born
		if j.begun.After(since) {
			since = j.begun
		}
		if marks(&v.Certainty, key) {
			j.verdict(now, presence, counts{marked: 1}, nil, "")
		} else if now.Sub(since) > j.bound && !v.Certainty.All() && !isNamed(v, key) {
			j.verdict(now, presence, counts{unnamed: 1}, nil, "")
		} else {
			j.age(now, presence, now.Sub(since), shown, fmt.Sprintf("%x of %d is alive, and the ring is %s, of %d members %d uncertain", key.id[16:], key.inc, v.Status, v.Certainty.Of, v.Certainty.Count))
		}
		return
	}
	j.verdict(now, presence, counts{}, shown, "")
	if s.shown != shown {
		s.shown, s.shows = shown, valuesOf(shown)
	}
	marked := marks(&v.Certainty, key) || isNoMember(shown)
	for f := status; f < fields; f++ {
		got := &s.shows
		switch {
		case got[f] == s.now[f]:
			j.verdict(now, f, counts{}, shown, "")
		case marked:
			j.verdict(now, f, counts{marked: 1}, shown, "")
		default:
			at := -1
			for i, p := range s.past[f] {
				if p.value == got[f] {
					at = i
				}
			}
			if at < 0 {
				j.verdict(now, f, counts{unmarked: 1}, shown, fmt.Sprintf("shows %s, which was never so; it is %s", got[f], s.now[f]))
				continue
			}
			j.age(now, f, now.Sub(s.past[f][at].until), shown, fmt.Sprintf("shows %s; it is %s", got[f], s.now[f]))
		}
	}
}

// age judges an unmarked value that was right until some time ago.
func (j *judge) age(now time.Time, f field, age time.Duration, shown *ring.Member, what string) {
	c := counts{young: 1, oldest: age}
	bound := j.bound
	if f == keys {
		bound += loadPause
	}
	if age > bound {
		c = counts{unmarked: 1}
	}
	j.verdict(now, f, c, shown, fmt.Sprintf("%s, for %v", what, age))
}

func (j *judge) verdict(now time.Time, f field, c counts, shown *ring.Member, what string) {
	c.compared = 1
	j.counts.add(c)
	j.byField[f].add(c)
	if c.unmarked == 0 || j.byField[f].unmarked > maxWrong {
		return
	}
	name := "unknown"
	if shown != nil {
		name = fmt.Sprintf("%x (%s, number %d, last event %s)", shown.ID[16:], shown.Status, shown.Seq, shown.LastEvent.Format("04:05.000"))
	}
	j.wrong = append(j.wrong, fmt.Sprintf("%s %s: %s: %s", now.Format("04:05.000"), name, fieldNames[f], what))
}

// differences returns all fields in which a view differs from the ground truth, and the members that the view shows as
// alive and that are not. When everything is quiet there are none.
func (j *judge) differences(now time.Time, v *ring.View, members []*member.Member) (list, ghosts []string) {
	alive := make(map[identity]bool, len(members))
	for _, m := range members {
		s := j.note(m, now, func(v *values) {
			v[owned], v[keys] = ownedText(m.Keys().Ownership()), loadText(m.Keys().Load())
		})
		self := m.Self()
		alive[identity{self.ID, self.Incarnation}] = true
		shown := v.Member(self.ID)
		if shown == nil || shown.Incarnation != self.Incarnation {
			list = append(list, fmt.Sprintf("%x: not in the view, or not in this incarnation", self.ID[16:]))
			continue
		}
		if shown.Uncertain {
			list = append(list, fmt.Sprintf("%x: marked uncertain, %d events missing", self.ID[16:], shown.Missing))
		}
		got := valuesOf(shown)
		for f := status; f < fields; f++ {
			if got[f] != s.now[f] {
				list = append(list, fmt.Sprintf("%x: %s: shows %s; it is %s", self.ID[16:], fieldNames[f], got[f], s.now[f]))
			}
		}
	}
	for _, shown := range v.Members {
		if !alive[identity{shown.ID, shown.Incarnation}] && !slices.Contains([]ring.MemberStatus{ring.Left, ring.Failed, ring.Silent}, shown.Status) {
			ghosts = append(ghosts, fmt.Sprintf("%x: %s, but it is gone", shown.ID[16:], shown.Status))
		}
	}
	return list, ghosts
}

func valuesOf(m *ring.Member) values {
	word := m.Status.String()
	if m.Status == ring.Failed || m.Status == ring.Left {
		word = string(chordevent.StatusLeft)
	}
	list := make([]chord.Peer, len(m.Successors))
	for i, p := range m.Successors {
		list[i] = p.Peer
	}
	runs := make([]chord.Run, len(m.Fingers))
	for i, r := range m.Fingers {
		runs[i] = chord.Run{First: r.First, Last: r.Last, Peer: r.Peer.Peer}
	}
	var v values
	v[status], v[predecessor], v[successors], v[fingers] = word, peerText(m.Predecessor.Peer), listText(list), runsText(runs)
	v[owned], v[keys] = ownedText(m.Ownership), loadText(m.Load)
	return v
}

func peerText(p chord.Peer) string {
	if !p.Real() {
		return "-"
	}
	return fmt.Sprintf("%x@%d", p.ID[16:], p.Incarnation%1e12/1e6)
}

func listText(list []chord.Peer) string {
	var b strings.Builder
	for _, p := range list {
		if !p.Real() {
			fmt.Fprintf(&b, "(%x) ", p.ID[16:])
			continue
		}
		b.WriteString(peerText(p))
		b.WriteByte(' ')
	}
	return b.String()
}

// runsText joins runs that are adjacent and point to the same peer: where runs are split has no meaning.
func runsText(runs []chord.Run) string {
	var b strings.Builder
	for i := 0; i < len(runs); i++ {
		r := runs[i]
		for i+1 < len(runs) && runs[i+1].First == r.Last+1 && runs[i+1].Peer == r.Peer {
			i++
			r.Last = runs[i].Last
		}
		fmt.Fprintf(&b, "%d-%d:%s ", r.First, r.Last, peerText(r.Peer))
	}
	return b.String()
}

func ownedText(o chordevent.Ownership) string {
	if !o.Owns {
		return "nothing"
	}
	return fmt.Sprintf("from %x, epoch %d", o.From[16:], o.Epoch)
}

func loadText(l chordevent.Load) string { return fmt.Sprintf("%+v", l) }
