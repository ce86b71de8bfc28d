package conform

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A Level is a part of the view that an emitter can claim to supply.
type Level string

const (
	Accepted   Level = "accepted"   // records and spans follow the vocabulary
	Membership Level = "membership" // the members of the ring
	Pointers   Level = "pointers"   // successor lists, predecessors, fingers
	Keys       Level = "keys"       // ownership of ranges, loads, moves
	Lookups    Level = "lookups"    // lookups as paths of hops
	Traces     Level = "traces"     // operations as traces
)

// Levels lists all levels, in the order of reports.
var Levels = []Level{Accepted, Membership, Pointers, Keys, Lookups, Traces}

// A Verdict is the result of an emitter at a level.
type Verdict string

const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	NotSeen Verdict = "not_seen" // nothing of the level was emitted
)

// A Report is the result of a Verifier.
type Report struct {
	Source  string        `json:"source"` // the recording, or the ports
	Ring    string        `json:"ring"`
	From    *time.Time    `json:"from"` // first and last timestamp; nil: no event or span was seen
	Until   *time.Time    `json:"until"`
	Passed  bool          `json:"passed"`           // all claimed levels
	Damage  string        `json:"damage,omitempty"` // why the recording was not read to its end
	Results []LevelResult `json:"levels"`
}

// A LevelResult is the verdict at one level.
type LevelResult struct {
	Level   Level     `json:"level"`
	Claimed bool      `json:"claimed"`
	Verdict Verdict   `json:"verdict"`
	Seen    []Seen    `json:"seen"`
	Missing []Finding `json:"missing"`
	Wrong   []Finding `json:"wrong"`
	Notes   []Finding `json:"notes"` // worth knowing, but not a failure

	// More counts the findings of further kinds, which are not listed.
	More      uint64 `json:"more_findings"`
	MoreNotes uint64 `json:"more_notes"`
}

// Seen counts the received events, spans or metrics of one kind.
type Seen struct {
	What  string `json:"what"`
	Count uint64 `json:"count"`
}

// A Finding is one thing that is missing or wrong, and how often it was found.
type Finding struct {
	What    string `json:"what"`
	Count   uint64 `json:"count"`
	Example string `json:"example,omitempty"` // the first
}

// Judged reports whether anything was received, or found missing or wrong, at a claimed level. If it returns false, the
// emitter has neither passed nor failed.
func (r *Report) Judged() bool {
	return slices.ContainsFunc(r.Results, func(l LevelResult) bool { return l.Claimed && l.Verdict != NotSeen })
}

// Text writes a report for people.
func (r *Report) Text(w io.Writer) {
	fmt.Fprint(w, r.Source)
	if r.Ring != "" {
		fmt.Fprintf(w, ": ring %q", r.Ring)
	}
	if r.From != nil {
		fmt.Fprintf(w, ", %s to %s", r.From.UTC().Format(time.RFC3339), r.Until.UTC().Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	if r.Damage != "" {
		fmt.Fprintf(w, "The recording is damaged %s; the part before that is checked.\n", r.Damage)
	}
	for _, l := range r.Results {
		fmt.Fprintf(w, "\n%-11s %s", l.Level, strings.ToUpper(strings.ReplaceAll(string(l.Verdict), "_", " ")))
		if !l.Claimed {
			fmt.Fprint(w, " (not claimed)")
		}
		fmt.Fprintln(w)
		for _, s := range l.Seen {
			fmt.Fprintf(w, "  %-8s%d %s\n", "seen", s.Count, s.What)
		}
		list(w, "missing", l.Missing)
		list(w, "wrong", l.Wrong)
		if l.More > 0 {
			fmt.Fprintf(w, "  and %d findings of further kinds\n", l.More)
		}
		list(w, "note", l.Notes)
	}
}

func list(w io.Writer, label string, all []Finding) {
	for _, f := range all {
		fmt.Fprintf(w, "  %-8s%s", label, f.What)
		if f.Count > 1 {
			fmt.Fprintf(w, " (%d times)", f.Count)
		}
		fmt.Fprintln(w)
		if f.Example != "" {
			fmt.Fprintf(w, "          example: %s\n", f.Example)
		}
	}
}
