package modelcheck

import (
	"slices"
)

// runs holds the internal steps between numbered states, in the order of the states that they start from.
type runs struct {
	starts []int32 // where a state's steps start
	acts   []int32
	to     []int32
	ids    map[act]int32
	names  []act
}

// state begins the next state.
func (r *runs) state() { r.starts = append(r.starts, int32(len(r.to))) }

// step adds a step of the state begun last.
func (r *runs) step(a act, to int32) { r.acts, r.to = append(r.acts, r.id(a)), append(r.to, to) }

// id numbers an act, or finds its number.
func (r *runs) id(a act) int32 {
	id, known := r.ids[a]
	if !known {
		if r.ids == nil {
			r.ids = map[act]int32{}
		}
		id = int32(len(r.names))
		r.ids[a], r.names = id, append(r.names, a)
	}
	return id
}

// quiet reports whether the state begun last has no steps.
func (r *runs) quiet() bool { return int(r.starts[len(r.starts)-1]) == len(r.to) }

// of returns the range of a state's steps.
func (r *runs) of(at int32) (from, to int32) {
	if int(at) == len(r.starts)-1 {
		return r.starts[at], int32(len(r.to))
	}
	return r.starts[at], r.starts[at+1]
}

// endless looks for a fair run without an end: one that takes each act again and again, unless the act is impossible
// again and again (weak fairness). Such a run stays in one strongly connected component from some state on, and if there
// is one there, the run through all of the component is one, too: so it is enough to look at whole components. It
// returns the first state of the component and the acts there, or -1.
func (r *runs) endless() (at int32, round []string) {
	at = -1
	possible, taken := make([]int, len(r.names)), make([]bool, len(r.names))
	counted := slices.Repeat([]int32{-1}, len(r.names)) // the state that an act was counted in last: it may have several outcomes there
	r.components(func(states []int32, within func(int32) bool) {
		clear(possible)
		clear(taken)
		steps := false
		for _, s := range states {
			for from, to := r.of(s); from < to; from++ {
				a := r.acts[from]
				if counted[a] != s {
					counted[a] = s
					possible[a]++
				}
				if within(r.to[from]) {
					taken[a], steps = true, true
				}
			}
		}
		first := slices.Min(states)
		if !steps || at >= 0 && first > at {
			return
		}
		var acts []string
		for a, name := range r.names {
			if possible[a] == len(states) && !taken[a] {
				return // the act is due forever, and leads out of the component
			}
			if taken[a] {
				acts = append(acts, name.String())
			}
		}
		at, round = first, acts
	})
	return at, round
}

// components calls visit for each strongly connected component (Tarjan 1972), with the test whether a state is in it.
func (r *runs) components(visit func(states []int32, within func(int32) bool)) {
	const none = int32(-1)
	type frame struct{ at, next int32 }
	low, number := make([]int32, len(r.starts)), slices.Repeat([]int32{none}, len(r.starts))
	component := slices.Repeat([]int32{none}, len(r.starts))
	var open []int32
	var path []frame
	count := int32(0)
	enter := func(at int32) {
		number[at], low[at], count = count, count, count+1
		from, _ := r.of(at)
		open, path = append(open, at), append(path, frame{at, from})
	}
	for root := range number {
		if number[root] == none {
			enter(int32(root))
		}
		for len(path) > 0 {
			f := &path[len(path)-1]
			at := f.at
			if _, end := r.of(at); f.next < end {
				to := r.to[f.next]
				f.next++
				switch {
				case number[to] == none:
					enter(to)
				case component[to] == none:
					low[at] = min(low[at], number[to])
				}
				continue
			}
			if path = path[:len(path)-1]; len(path) > 0 {
				above := path[len(path)-1].at
				low[above] = min(low[above], low[at])
			}
			if low[at] == number[at] {
				i := slices.Index(open, at)
				for _, s := range open[i:] {
					component[s] = at
				}
				visit(open[i:], func(s int32) bool { return component[s] == at })
				open = open[:i]
			}
		}
	}
}
