package ring

import (
	"slices"

	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A fingerRun is a run of finger slots that one event set to one peer.
type fingerRun struct {
	chordevent.FingerRun
	seq int64
}

// A fingerTable has one register per finger slot, stored as runs: ascending and disjoint. A slot that no event has set
// is in no run. As the circle has at most chord.MaxBits slots, there are at most so many runs.
type fingerTable struct {
	runs  []fingerRun
	floor int64 // event number of the newest keyframe applied: the keyframe set every slot, so older events are outdated
}

// set applies one run of an event. It returns scratch, which may have grown, for the next call.
func (t *fingerTable) set(run chordevent.FingerRun, seq int64, scratch []fingerRun) []fingerRun {
	if seq < t.floor || run.First < 0 || run.Last >= chord.MaxBits || run.First > run.Last {
		return scratch
	}
	if n := len(t.runs); n == 0 || t.runs[n-1].Last < run.First { // runs come in ascending order: always so in a new incarnation
		t.runs = append(t.runs, fingerRun{run, seq})
		return scratch
	}
	out := scratch[:0]
	next := run.First // the first slot of the new run that is not decided yet
	put := func(upTo int) {
		if next <= upTo {
			out = append(out, fingerRun{chordevent.FingerRun{First: next, Last: upTo, Peer: run.Peer}, seq})
			next = upTo + 1
		}
	}
	for _, old := range t.runs {
		switch {
		case old.Last < run.First:
			out = append(out, old)
		case old.First > run.Last:
			put(run.Last)
			out = append(out, old)
		case old.seq >= seq:
			put(old.First - 1)
			out = append(out, old)
			next = old.Last + 1
		default:
			if old.First < run.First {
				out = append(out, part(old, old.First, run.First-1))
			}
			if old.Last > run.Last {
				put(run.Last)
				out = append(out, part(old, run.Last+1, old.Last))
			}
		}
	}
	put(run.Last)
	t.runs = append(t.runs[:0], out...)
	return out
}

// replace applies a keyframe's runs: slots that are in no run are empty.
func (t *fingerTable) replace(runs []chordevent.FingerRun, seq int64, scratch []fingerRun) []fingerRun {
	if seq <= t.floor {
		return scratch
	}
	t.floor = seq
	late := slices.ContainsFunc(t.runs, func(run fingerRun) bool { return run.seq > seq })
	if !late {
		t.runs = slices.Grow(t.runs[:0], len(runs))
		for _, run := range runs {
			t.runs = append(t.runs, fingerRun{run, seq})
		}
		return scratch
	}
	t.runs = slices.DeleteFunc(t.runs, func(run fingerRun) bool { return run.seq < seq })
	for _, run := range runs { // some slots have newer values
		scratch = t.set(run, seq, scratch)
	}
	return scratch
}

// view returns the table in the form that readers see: without empty slots, and with equal neighbours joined.
func (t *fingerTable) view() []chordevent.FingerRun {
	if len(t.runs) == 0 {
		return nil
	}
	out := make([]chordevent.FingerRun, 0, len(t.runs))
	for _, run := range t.runs {
		if run.Peer == (chordevent.PeerRef{}) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Last+1 == run.First && out[n-1].Peer == run.Peer {
			out[n-1].Last = run.Last
			continue
		}
		out = append(out, run.FingerRun)
	}
	return slices.Clip(out)
}

func part(run fingerRun, first, last int) fingerRun {
	run.First, run.Last = first, last
	return run
}
