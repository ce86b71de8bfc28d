package chord

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Names of the conditions that a ring must keep. The first two are local to a member: they never break, not even for a
// moment. The others concern all members at one instant; LiveSuccessor and EnoughPrincipals together are the invariant
// and imply all the rest (Zave, section 5).
const (
	OrderedSuccessorLists = "OrderedSuccessorLists" // a list runs clockwise and never past its owner
	NoDuplicates          = "NoDuplicates"          // a list names no member twice, and not its owner
	LiveSuccessor         = "LiveSuccessor"         // every list names a live member
	EnoughPrincipals      = "EnoughPrincipals"      // at least r+1 members are skipped by no list
	OneOrderedRing        = "OneOrderedRing"        // first live successors form exactly one cycle, once around the circle
	ConnectedAppendages   = "ConnectedAppendages"   // every member that is not on the cycle reaches it
)

// A Breach is a condition that does not hold.
type Breach struct {
	Condition string
	Members   []ID // the members concerned
	Detail    string
}

func (b Breach) Error() string { return b.Condition + ": " + b.Detail }

// ListBreaches returns the local conditions that a member's list breaks.
func ListBreaches(s State) []Breach {
	var out []Breach
	last := s.Self.ID
	seen := []ID{last}
	ordered := true
	for i, p := range s.Succ {
		if !p.Real() {
			continue
		}
		if slices.Contains(seen, p.ID) {
			out = append(out, Breach{NoDuplicates, []ID{s.Self.ID}, fmt.Sprintf("successor %d appears earlier in the list", i)})
		} else if ordered && !Between(last, p.ID, s.Self.ID) {
			ordered = false
			out = append(out, Breach{OrderedSuccessorLists, []ID{s.Self.ID}, fmt.Sprintf("successor %d lies before the entry before it", i)})
		}
		seen, last = append(seen, p.ID), p.ID
	}
	return out
}

// A Global is all live members' states at one instant: an oracle's view, which no member has.
type Global struct {
	States []State // by identifier
	at     map[Peer]int
	best   []int // by rank: BestSucc
}

// Observe returns the Global of the states of all live members.
func Observe(states []State) *Global {
	g := &Global{States: slices.Clone(states), at: make(map[Peer]int, len(states))}
	slices.SortFunc(g.States, func(a, b State) int { return inOrder(a.Self, b.Self) })
	for i, s := range g.States {
		g.at[s.Self] = i
	}
	g.best = make([]int, len(g.States))
	for i, s := range g.States {
		g.best[i] = -1
		for _, p := range s.Succ {
			if at := g.Rank(p); at >= 0 {
				g.best[i] = at
				break
			}
		}
	}
	return g
}

// Rank returns a live member's index in States, or -1 for any other peer.
func (g *Global) Rank(p Peer) int {
	if i, live := g.at[p]; live {
		return i
	}
	return -1
}

// BestSucc returns the rank of the first live entry of a member's list, or -1.
func (g *Global) BestSucc(rank int) int { return g.best[rank] }

// RingMembers reports for each rank whether that member reaches itself along first live successors. A member that does
// not is an appendage.
func (g *Global) RingMembers() []bool {
	on, _ := g.cycles()
	return on
}

// cycles returns what RingMembers does, and one member of each cycle.
func (g *Global) cycles() (on []bool, cycles []int) {
	on = make([]bool, len(g.States))
	visit := make([]int, len(g.States)) // the first traversal, numbered from 1, that visited this rank
	for start := range g.States {
		at := start
		for at >= 0 && visit[at] == 0 {
			visit[at] = start + 1
			at = g.best[at]
		}
		if at < 0 || visit[at] != start+1 {
			continue // ends nowhere, or in ranks that an earlier traversal has visited
		}
		cycles = append(cycles, at)
		for !on[at] {
			on[at] = true
			at = g.best[at]
		}
	}
	return on, cycles
}

// Principals reports for each rank whether that member is a principal member: it lies strictly between no two adjacent
// entries of any list, the list's owner being its first entry. Members are ordered by identifier, then by incarnation.
func (g *Global) Principals() []bool {
	n := len(g.States)
	skips := make([]int, n+1) // differences: how many more lists skip this rank than the one before
	for _, s := range g.States {
		last := s.Self
		for _, p := range s.Succ {
			if !p.Real() {
				break
			}
			from, to := g.after(last), g.from(p) // the ranks [from, to) lie between, around the circle
			skips[from]++
			skips[to]--
			if inOrder(last, p) >= 0 {
				skips[n]--
				skips[0]++
			}
			last = p
		}
	}
	principal := make([]bool, n)
	for i, depth := 0, 0; i < n; i++ {
		depth += skips[i]
		principal[i] = depth == 0
	}
	return principal
}

// from returns the first rank at p or later in circle order; after returns the first rank later than p. A later
// incarnation of a member lies right behind an earlier one: a list that names the earlier, which it will drop, skips
// the later like any joiner.
func (g *Global) from(p Peer) int {
	i, _ := slices.BinarySearchFunc(g.States, p, func(s State, p Peer) int { return inOrder(s.Self, p) })
	return i
}

func (g *Global) after(p Peer) int {
	i := g.from(p)
	if i < len(g.States) && inOrder(g.States[i].Self, p) == 0 {
		i++
	}
	return i
}

func inOrder(a, b Peer) int {
	return cmp.Or(a.ID.Compare(b.ID), cmp.Compare(a.Incarnation, b.Incarnation))
}

// Breaches returns the global conditions that do not hold, for lists of r entries.
func (g *Global) Breaches(r int) []Breach {
	var out []Breach
	if len(g.States) == 0 {
		return nil
	}
	var lost []ID
	for i, s := range g.States {
		if g.best[i] < 0 {
			lost = append(lost, s.Self.ID)
		}
	}
	if lost != nil {
		out = append(out, Breach{LiveSuccessor, lost, fmt.Sprintf("%d members without a live successor", len(lost))})
	}
	if n := count(g.Principals()); n < r+1 {
		out = append(out, Breach{EnoughPrincipals, nil, fmt.Sprintf("%d of at least %d", n, r+1)})
	}
	on, cycles := g.cycles()
	if len(cycles) != 1 {
		out = append(out, Breach{OneOrderedRing, g.ids(on), fmt.Sprintf("%d rings", len(cycles))})
	} else if !g.ordered(on, cycles[0]) {
		out = append(out, Breach{OneOrderedRing, g.ids(on), "the ring goes around the circle more than once"})
	}
	if astray := g.astray(on); astray != nil {
		out = append(out, Breach{ConnectedAppendages, astray, fmt.Sprintf("%d members do not reach the ring", len(astray))})
	}
	return out
}

// ordered reports whether the cycle visits the ring members in circle order.
func (g *Global) ordered(on []bool, start int) bool {
	want := start
	for range count(on) {
		next := g.best[want]
		for want = (want + 1) % len(on); !on[want]; {
			want = (want + 1) % len(on)
		}
		if next != want {
			return false
		}
	}
	return true
}

// astray lists the members that do not reach a ring member along first live successors.
func (g *Global) astray(on []bool) []ID {
	const unknown, reaches, lost = 0, 1, 2
	fate := make([]uint8, len(on))
	var out []ID
	for start := range g.States {
		at, verdict := start, uint8(reaches)
		for at >= 0 && fate[at] == unknown && !on[at] {
			at = g.best[at]
		}
		if at < 0 || fate[at] == lost {
			verdict = lost
		}
		for at = start; at >= 0 && fate[at] == unknown && !on[at]; at = g.best[at] {
			fate[at] = verdict
		}
		if fate[start] == lost {
			out = append(out, g.States[start].Self.ID)
		}
	}
	return out
}

// Invariant returns nil if every member has a live successor and at least r+1 members are
// principal.
func (g *Global) Invariant(r int) error {
	var broken []string
	for _, b := range g.Breaches(r) {
		if b.Condition == LiveSuccessor || b.Condition == EnoughPrincipals {
			broken = append(broken, b.Error())
		}
	}
	if broken == nil {
		return nil
	}
	return fmt.Errorf("invariant broken: %s", strings.Join(broken, "; "))
}

func (g *Global) ids(which []bool) []ID {
	var out []ID
	for i, s := range g.States {
		if which[i] {
			out = append(out, s.Self.ID)
		}
	}
	return out
}

func count(which []bool) int {
	n := 0
	for _, b := range which {
		if b {
			n++
		}
	}
	return n
}
