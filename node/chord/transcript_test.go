package chord_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"chordconductor/node/chord"
)

// The transcripts in testdata play small rings through: a command, then what came of it. CONTRIBUTING.md describes how
// to write one. Members are named by their identifier on a circle of 64, n10; n10/2 is the second incarnation of n10.
func TestTranscripts(t *testing.T) {
	texts, _ := filepath.Glob("testdata/*.txt")
	for _, path := range texts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := player{space: space(t, 6), members: map[chord.Peer]chord.State{}}
			datadriven.RunTest(t, path, p.play)
		})
	}
}

// A player carries the members' queries and answers. Only the members in its map answer.
type player struct {
	space   chord.Space
	r       int
	members map[chord.Peer]chord.State
	out     strings.Builder
}

func (p *player) play(t *testing.T, d *datadriven.TestData) string {
	p.out.Reset()
	var first, second chord.Peer
	for _, a := range d.CmdArgs {
		switch {
		case !strings.HasPrefix(a.Key, "n"): // behind, from, to, at: for the reader
		case !first.Real():
			first = p.peer(t, a.Key)
		default:
			second = p.peer(t, a.Key)
		}
	}
	switch d.Cmd {
	case "given": // given r=3, and a line for each member: n10 pred n5 succ n20 n30
		d.ScanArgs(t, "r", &p.r)
		clear(p.members)
		for line := range strings.Lines(d.Input) {
			m := p.parse(t, line)
			p.members[m.Self] = m
		}
	case "show":
		p.show()
	case "check": // the ring error, and the conditions that do not hold
		p.check()
	case "lists": // the same of single lists
		p.lists()
	case "join": // join n15 behind n10
		p.join(first, p.members[second])
	case "stabilize": // stabilize n10; stabilize all: rounds of every member until nothing changes
		if first.Real() {
			p.stabilize(first)
		} else {
			p.stabilizeAll()
		}
	case "notify": // notify n10 from n5
		p.notify(first, second)
	case "offer": // offer n15 to n10: some peer names n15 to it
		p.offer(first, second)
	case "crash": // crash n20
		delete(p.members, first)
		p.print("%s ends", p.name(first))
	case "leave": // leave n20: it sends its pointers to its predecessor and its head
		leaver := p.members[first]
		delete(p.members, first)
		for _, to := range []chord.Peer{leaver.Pred, leaver.Head()} {
			p.departs(leaver, to)
		}
	case "departure": // departure of n30 at n10
		p.departs(p.members[first], second)
	case "suppose": // and a line as of given: the ring error if this member had these pointers
		p.suppose(p.parse(t, d.Input))
	default:
		t.Fatalf("unknown command %q", d.Cmd)
	}
	return p.out.String()
}

func (p *player) print(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// set changes a member's pointers and prints them, if they are others than before.
func (p *player) set(s chord.State) {
	if !s.Equal(p.members[s.Self]) {
		p.members[s.Self] = s
		p.print("%s", p.text(s))
	}
}

func (p *player) join(joiner chord.Peer, m chord.State) {
	if n := m.Neighbors(); chord.Joins(n, joiner.ID) {
		p.set(chord.Join(p.space, joiner, p.r, n))
	} else {
		p.print("%s does not join behind %s, before %s", p.name(joiner), p.name(m.Self), p.name(m.Head()))
	}
}

func (p *player) stabilize(self chord.Peer) {
	m := p.members[self]
	head, alive := p.members[m.Head()]
	for !alive {
		p.print("%s has no answer from %s", p.name(self), p.name(m.Head()))
		p.set(chord.HeadDead(p.space, m))
		m = p.members[self]
		head, alive = p.members[m.Head()]
	}
	next, candidate, follow := chord.HeadAlive(p.space, m, head.Neighbors())
	p.set(next)
	if follow {
		p.offer(candidate, self)
	}
	if to := p.members[self].Head(); to != self {
		p.notify(to, self)
	}
}

func (p *player) stabilizeAll() {
	for round := 1; ; round++ {
		before := len(p.out.String())
		p.print("round %d", round)
		quiet := len(p.out.String())
		for _, self := range p.order() {
			p.stabilize(self)
		}
		if len(p.out.String()) == quiet {
			text := p.out.String()[:before]
			p.out.Reset()
			p.out.WriteString(text)
			p.show()
			return
		}
		if round == 20 {
			p.print("no end after 20 rounds")
			return
		}
	}
}

func (p *player) notify(to, from chord.Peer) {
	m, alive := p.members[to]
	if !alive {
		return
	}
	next, ping := chord.Rectify(m, from)
	p.set(next)
	if !ping {
		return
	}
	if _, alive := p.members[m.Pred]; alive {
		p.print("%s keeps %s, not %s", p.name(to), p.name(m.Pred), p.name(from))
		return
	}
	p.print("%s has no answer from %s", p.name(to), p.name(m.Pred))
	if _, alive := p.members[from]; !alive {
		from = chord.Peer{}
	}
	p.set(chord.PredDead(m, from))
}

// offer leaves the decision to CandidateAlive: it must come to the same as Nearer.
func (p *player) offer(candidate, to chord.Peer) {
	m := p.members[to]
	if !chord.Nearer(m, candidate) {
		p.print("%s is not nearer to %s than %s", p.name(candidate), p.name(to), p.name(m.Head()))
	}
	if c, alive := p.members[candidate]; alive {
		p.set(chord.CandidateAlive(p.space, m, c.Neighbors()))
	} else {
		p.print("%s has no answer from %s", p.name(to), p.name(candidate))
	}
}

func (p *player) departs(leaver chord.State, to chord.Peer) {
	m, alive := p.members[to]
	if !alive {
		return
	}
	m = chord.SuccessorDeparts(p.space, m, leaver.Self, leaver.Succ)
	m = chord.PredecessorDeparts(m, leaver.Self, leaver.Pred)
	if m.Equal(p.members[to]) {
		p.print("%s changes nothing", p.name(to))
	}
	p.set(m)
}

func (p *player) suppose(m chord.State) {
	var ring []chord.State
	for _, s := range p.members {
		if s.Self == m.Self {
			s = m
		}
		ring = append(ring, s)
	}
	g := chord.Observe(ring)
	each, total := g.RingError(p.space)
	for i, e := range each {
		if e > 0 {
			p.print("%s %d", p.name(g.States[i].Self), e)
		}
	}
	p.print("ring error %d", total)
}

// show prints all members, and what check does.
func (p *player) show() {
	g := chord.Observe(p.states())
	for _, s := range g.States {
		p.print("%s", p.text(s))
	}
	p.check()
}

func (p *player) check() {
	g := chord.Observe(p.states())
	_, total := g.RingError(p.space)
	p.print("ring error %d", total)
	for _, b := range g.Breaches(p.r) {
		p.print("%s", b.Error())
	}
}

func (p *player) lists() {
	for _, s := range p.states() {
		var broken []string
		for _, b := range chord.ListBreaches(s) {
			broken = append(broken, b.Error())
		}
		if broken == nil {
			broken = []string{"sound"}
		}
		p.print("%s succ %s: %s", p.name(s.Self), p.listed(s), strings.Join(broken, "; "))
	}
}

func (p *player) states() []chord.State {
	var all []chord.State
	for _, self := range p.order() {
		all = append(all, p.members[self])
	}
	return all
}

func (p *player) order() []chord.Peer {
	var all []chord.Peer
	for self := range p.members {
		all = append(all, self)
	}
	slices.SortFunc(all, func(a, b chord.Peer) int {
		return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return all
}

// text is a member's pointers as given reads them; placeholders are not shown.
func (p *player) text(s chord.State) string {
	return strings.TrimRight(fmt.Sprintf("%s pred %s succ %s", p.name(s.Self), p.name(s.Pred), p.listed(s)), " ")
}

func (p *player) listed(s chord.State) string {
	var names []string
	for _, q := range s.Live() {
		names = append(names, p.name(q))
	}
	return strings.Join(names, " ")
}

func (p *player) parse(t *testing.T, line string) chord.State {
	words := strings.Fields(line)
	if len(words) < 4 || words[1] != "pred" || words[3] != "succ" {
		t.Fatalf("%q: expected a line like n10 pred n5 succ n20 n30", line)
	}
	s := chord.New(p.space, p.peer(t, words[0]), p.r)
	s.Pred = p.peer(t, words[2])
	for k, word := range words[4:] {
		s.Succ[k] = p.peer(t, word)
	}
	if real := len(words) - 4; real > 0 {
		last := s.Succ[real-1].ID
		for k := real; k < p.r; k++ {
			last = p.space.Next(last)
			s.Succ[k] = chord.Peer{ID: last}
		}
	}
	return s
}

func (p *player) peer(t *testing.T, name string) chord.Peer {
	if name == "-" {
		return chord.Peer{}
	}
	id, number, later := strings.Cut(strings.TrimPrefix(name, "n"), "/")
	if !later {
		number = "1"
	}
	at, err := strconv.ParseUint(id, 10, 6)
	inc, err2 := strconv.ParseInt(number, 10, 64)
	if err := cmp.Or(err, err2); err != nil {
		t.Fatalf("member %q: %v", name, err)
	}
	return incarnation(p.space, at, inc)
}

func (p *player) name(q chord.Peer) string {
	if !q.Real() {
		return "-"
	}
	n := 0
	for p.space.FromUint64(uint64(n)) != q.ID {
		n++
	}
	if q.Incarnation != 1 {
		return fmt.Sprintf("n%d/%d", n, q.Incarnation)
	}
	return fmt.Sprintf("n%d", n)
}
