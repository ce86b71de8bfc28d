package simtest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"chordconductor/node/member"
)

// The space of plans has dimensions (bits, successors, …), each with levels (3 bits, 4 bits, …). Each dimension has
// slots, a prime number of them, which its levels share: at least two each.
const slots = 17

// cycleLength is the number of seeds in which every pair of slots of two dimensions occurs exactly once.
const cycleLength = slots * slots

type dimension struct {
	name   string
	levels []level
}

type level struct {
	name  string
	slots int
}

var space = []dimension{
	{"bits", []level{{"3", 2}, {"4", 2}, {"8", 2}, {"16", 2}, {"32", 3}, {"any", 2}, {"159", 2}, {"160", 2}}},
	{"successors", []level{{"1", 2}, {"2", 3}, {"3", 3}, {"any", 3}, {"16", 3}, {"32", 3}}},
	{"replicas", []level{{"1", 3}, {"2", 4}, {"3", 4}, {"5", 3}, {"16", 3}}},
	{"hosts", []level{{"1", 3}, {"2", 2}, {"3", 2}, {"5", 2}, {"8", 2}, {"11", 3}, {"12", 3}}},
	{"sizes", []level{{"one", 3}, {"few", 2}, {"ladder", 3}, {"sixteen", 3}, {"thirty-two", 3}, {"sixty-four", 3}}},
	{"joins", []level{{"none", 3}, {"single", 5}, {"together", 3}, {"burst", 2}, {"steady", 4}}},
	{"leaves", []level{{"none", 4}, {"single", 4}, {"together", 3}, {"half", 2}, {"all but one", 2}, {"all but two", 2}}},
	{"crashes", []level{{"none", 5}, {"single", 3}, {"R-1", 4}, {"R", 2}, {"owners", 3}}},
	{"restarts", []level{{"none", 8}, {"at once", 3}, {"later", 3}, {"together", 3}}},
	{"partitions", []level{{"none", 6}, {"two", 4}, {"three", 2}, {"one-way", 2}, {"repeated", 3}}},
	{"pauses", []level{{"none", 8}, {"short", 3}, {"long", 4}, {"together", 2}}},
	{"loss", []level{{"0", 8}, {"0.01", 3}, {"0.05", 3}, {"0.15", 3}}},
	{"delay", []level{{"fixed", 4}, {"uniform", 5}, {"exponential", 3}, {"heavy tail", 3}, {"slow", 2}}},
	{"clocks", []level{{"right", 7}, {"0.4 s", 2}, {"0.7 s", 2}, {"seconds", 2}, {"30 s", 2}, {"steps", 2}}},
	{"memory", []level{{"none", 9}, {"ample", 2}, {"unequal", 3}, {"tight", 3}}},
	{"load", []level{{"mixed", 6}, {"writes", 4}, {"hot", 3}, {"filled", 2}, {"large", 2}}},
	{"timing", []level{{"spread", 9}, {"storm", 4}, {"waves", 4}}},
}

// A point is a level of each dimension, by the dimension's name.
type point map[string]string

// pointOf is the point of a seed. The slots of one cycle of seeds are an orthogonal array of strength two (column j of
// run (a, b) is a + j*b modulo a prime), and in every cycle each column has its slots in another order. So every pair
// of levels is drawn at least four times per cycle, regardless of the random numbers.
func pointOf(seed uint64) point {
	turn := seed / cycleLength
	run := rand.New(rand.NewPCG(turn, 0)).Perm(cycleLength)[seed%cycleLength] // so that a few seeds are spread over all
	a, b := run/slots, run%slots
	at := point{}
	for j, d := range space {
		order := rand.New(rand.NewPCG(turn, uint64(j)+1)).Perm(slots)
		at[d.name] = d.at(order[(a+j*b)%slots])
	}
	return at
}

func (d dimension) at(slot int) string {
	for _, l := range d.levels {
		if slot -= l.slots; slot < 0 {
			return l.name
		}
	}
	panic("more slots than levels: " + d.name)
}

// meet replaces levels that exclude each other: settings that the flags refuse together, and more members than there
// are identifiers. Function impossible lists the pairs of levels that therefore never occur. Levels that would be drawn
// too rarely because of that have three slots.
func (at point) meet() {
	if at["successors"] == "1" && at["replicas"] != "1" {
		at["replicas"] = "1"
	}
	if most := mostMembers(at["bits"]); most < 64 {
		if count(at["hosts"]) > most {
			at["hosts"] = "3"
		}
		if at["sizes"] != "one" {
			at["sizes"] = "few"
		}
	}
}

// has reports whether at has all the levels of list, which has the form "dimension=level,…".
func (at point) has(list string) bool {
	for condition := range strings.SplitSeq(list, ",") {
		if name, want, _ := strings.Cut(condition, "="); condition != "" && at[name] != want {
			return false
		}
	}
	return true
}

// impossible reports why two levels never meet, or "".
func impossible(d1, l1, d2, l2 string) string {
	pair := map[string]string{d1: l1, d2: l2}
	both := func(a, b string) bool { return pair[a] != "" && pair[b] != "" }
	switch {
	case both("successors", "replicas") && pair["successors"] == "1" && pair["replicas"] != "1":
		return "one successor is refused with several replicas"
	case both("bits", "hosts") && count(pair["hosts"]) > mostMembers(pair["bits"]):
		return "more hosts than the identifiers hold members"
	case both("bits", "sizes") && mostMembers(pair["bits"]) < 64 && pair["sizes"] != "one" && pair["sizes"] != "few":
		return "more members than the identifiers hold"
	}
	return ""
}

func count(text string) (n int) {
	fmt.Sscan(text, &n)
	return n
}

// mostMembers bounds the members of a plan with that many bits, by half of the identifiers and by the cost of a seed.
func mostMembers(bits string) int {
	if n := count(bits); n > 0 && n < 8 {
		return 2 * member.Capacity(n)
	}
	return maxMembers
}

// TestEveryPairIsDrawn: within the full run every level of every dimension meets every level of every other one 50 times,
// within a slice once.
func TestEveryPairIsDrawn(t *testing.T) {
	for _, d := range space {
		sum := 0
		for _, l := range d.levels {
			if sum += l.slots; l.slots < 2 {
				t.Errorf("%s %s has %d slots", d.name, l.name, l.slots)
			}
		}
		if sum != slots {
			t.Errorf("%s has %d slots, want %d", d.name, sum, slots)
		}
	}
	for seeds, want := range map[uint64]int{cycleLength: 1, fullSeeds: 50} {
		met := map[string]int{}
		for seed := range seeds {
			at := pointOf(seed)
			at.meet()
			for i, d := range space {
				for _, e := range space[i+1:] {
					met[strings.Join([]string{d.name, at[d.name], e.name, at[e.name]}, "/")]++
				}
			}
		}
		for i, d := range space {
			for _, e := range space[i+1:] {
				for _, x := range d.levels {
					for _, y := range e.levels {
						n := met[strings.Join([]string{d.name, x.name, e.name, y.name}, "/")]
						if why := impossible(d.name, x.name, e.name, y.name); why != "" {
							if n > 0 {
								t.Errorf("%s %s meets %s %s, which is impossible: %s", d.name, x.name, e.name, y.name, why)
							}
						} else if n < want {
							t.Errorf("%d seeds: %s %s meets %s %s %d times, want %d", seeds, d.name, x.name, e.name, y.name, n, want)
						}
					}
				}
			}
		}
	}
}
