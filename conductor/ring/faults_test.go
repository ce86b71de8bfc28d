package ring

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// faultsOf returns the faults of a kind.
func faultsOf(r *Ring, k FaultKind) (list []Fault) {
	for _, f := range r.View().Faults {
		if f.Kind == k {
			list = append(list, f)
		}
	}
	return list
}

// TestReportsOfIncarnationsThatNeverWere adds reports of incarnations that never existed to any random run, in any
// order: no member changes, whether it is alive or has really ended.
func TestReportsOfIncarnationsThatNeverWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, events := randomRun(t)
		if len(w.Alive()) == 0 {
			w.Birth(0) // to emit a false report
		}
		real := map[incarnation]bool{}
		for _, a := range w.Members {
			real[incarnation{a.Self.ID, a.Self.Incarnation}] = true
		}
		mixed := slices.Clone(events)
		var falseReports []incarnation
		for range rapid.IntRange(1, maxReports-1).Draw(t, "false reports") {
			victim := rapid.SampledFrom(w.Members).Draw(t, "victim").Self
			inc := rapid.SampledFrom([]int64{math.MaxInt64, math.MaxInt64 - 1, victim.Incarnation - 1, victim.Incarnation + 1, 1}).Draw(t, "incarnation")
			if key := (incarnation{victim.ID, inc}); !real[key] && inc > 0 {
				victim.Incarnation = inc
				by := rapid.SampledFrom(w.Alive()).Draw(t, "by")
				falseReport := w.Event(by, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: victim, Seq: rapid.Int64Range(0, math.MaxInt64).Draw(t, "number")}})
				same := *falseReport
				same.Body = chordevent.NodeLoad{Load: by.Load}
				events = append(events, &same)
				mixed, falseReports = append(mixed, falseReport), append(falseReports, key)
			}
		}
		shuffled := rapid.Permutation(mixed).Draw(t, "order")
		r, want := fold(w, shuffled), fold(w, events)
		for _, a := range w.Members {
			got, was := r.Member(a.Self.ID), want.Member(a.Self.ID)
			if (got == nil) != (was == nil) || got != nil && (got.Incarnation != was.Incarnation || got.Status != was.Status || got.Uncertain != was.Uncertain || got.Error != was.Error) {
				t.Fatalf("with false reports of %v: %+v, without %+v", falseReports, got, was)
			}
		}
		if v, was := r.View(), want.View(); v.Error != was.Error || v.Counts.Failed != was.Counts.Failed {
			t.Fatalf("error %d, %d failed; without false reports %d and %d", v.Error, v.Counts.Failed, was.Error, was.Counts.Failed)
		}
	})
}

// TestOneFalseReport is the simplest case: one report of an incarnation that never existed, whose victim is alive.
func TestOneFalseReport(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	victim, reporter := w.Members[2], w.Members[1]
	never := victim.Self
	never.Incarnation = math.MaxInt64
	w.Emit(reporter, chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: never, Seq: 1}})
	for range 5 {
		pass(w, r, time.Second)
		expectStatus(t, r, victim, Active, false, "a report of an incarnation that never was")
	}
	w.Crash(victim, reporter)
	expectStatus(t, r, victim, Failed, true, "its real end")
	pass(w, r, 6*time.Minute)
	if r.reporting != 0 || !r.View().Certainty.All() {
		t.Errorf("after long: %d members with reports of later incarnations, %+v", r.reporting, r.View().Certainty)
	}
}

// TestTwoIncarnations has a lower incarnation of a member emit beside, or after, a higher one. If that lasts two
// keyframe periods or more it is a fault, whatever the order in which earlier events arrived; if it lasts less it may
// be delayed telemetry.
func TestTwoIncarnations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{Name: "test"})
		var held []*chordevent.Event
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { held = append(held, ev) })
		for id := range uint64(5) {
			w.Birth(id * 100)
		}
		w.RepairAll()
		higher := w.Members[2]
		lower := &ringtest.Actor{Self: higher.Self, State: higher.State, Live: true}
		lower.Self.Incarnation = higher.Self.Incarnation - rapid.Int64Range(1, 2).Draw(t, "below")
		lower.State.Self = lower.Self
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			w.Keyframe(lower)
		}
		for _, ev := range rapid.Permutation(held).Draw(t, "order") {
			r.Apply(ev, w.Now)
		}
		w.Emitted = func(ev *chordevent.Event) { r.Apply(ev, w.Now) }
		silent := rapid.Bool().Draw(t, "higher is silent")
		seconds := rapid.IntRange(1, 60).Draw(t, "seconds")
		for range seconds {
			w.Now = w.Now.Add(time.Second)
			for _, a := range append(w.Alive(), lower) {
				if a != higher || !silent {
					w.Keyframe(a)
				}
			}
			r.Advance(w.Now)
		}
		got := faultsOf(r, TwoIncarnations)
		switch {
		case seconds > 22:
			if len(got) != 1 || got[0].ID != higher.Self.ID || got[0].Incarnation != higher.Self.Incarnation || got[0].Other != lower.Self.Incarnation {
				t.Fatalf("after %d s: %+v", seconds, got)
			}
			named := r.View().Certainty.Members
			if len(named) != 2 || named[0].Incarnation != lower.Self.Incarnation || named[0].Why != TwiceAlive || named[1].Why != TwiceAlive {
				t.Fatalf("%+v", named)
			}
			// A member that names the lower incarnation is not wrong: it may be alive.
			w.SetPred(w.Members[3], lower.Self)
			if v := r.View(); v.Error != 0 {
				t.Fatalf("error %d", v.Error)
			}
		case seconds < 19:
			if len(got) != 0 {
				t.Fatalf("after %d s: %+v", seconds, got)
			}
		}
		for range 31 { // the lower one ends
			w.Now = w.Now.Add(time.Second)
			for _, a := range w.Alive() {
				w.Keyframe(a)
			}
			r.Advance(w.Now)
		}
		if got := r.View().Faults; len(got) != 0 || r.faulty != 0 {
			t.Fatalf("it has ended: %+v, %d", got, r.faulty)
		}
	})
}

// TestTwoProcesses has the events of one incarnation come from several processes, in any order.
func TestTwoProcesses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{Name: "test"})
		var held []*chordevent.Event
		names := rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 1, 4, rapid.ID[string]).Draw(t, "processes")
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { held = append(held, ev) })
		w.Birth(1)
		used := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			w.Keyframe(w.Members[0])
		}
		for _, ev := range held {
			ev.Instance = rapid.SampledFrom(names).Draw(t, "from")
			used[ev.Instance] = true
			if rapid.Bool().Draw(t, "number used twice") {
				twice := *ev
				twice.Instance = rapid.SampledFrom(names).Draw(t, "from")
				used[twice.Instance] = true
				held = append(held, &twice)
			}
		}
		delete(used, "")
		var want []Fault
		if len(used) > 1 {
			first, last := "", ""
			for name := range used {
				if first == "" || name < first {
					first = name
				}
				last = max(last, name)
			}
			self := w.Members[0].Self
			want = []Fault{{Kind: TwoProcesses, ID: self.ID, Incarnation: self.Incarnation, Host: chordevent.Host{ID: self.Addr, Address: self.Addr}, Since: w.Now, Instances: [2]string{first, last}}}
		}
		for _, ev := range rapid.Permutation(held).Draw(t, "order") {
			r.Apply(ev, w.Now)
		}
		if got := r.View().Faults; !slices.Equal(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		if c := r.View().Certainty; len(want) > 0 && (c.Count != 1 || c.Members[0].Why != TwiceRun) {
			t.Fatalf("%+v", c)
		}
		r.Advance(w.Now.Add(31 * time.Second))
		if got := r.View().Faults; len(got) != 0 {
			t.Fatalf("both are silent: %+v", got)
		}
	})
}

// TestClocksAreBounded has the clock of one host be off by any offset, from the start or from a later instant: the
// reported offset is a bound of it, and no member's staleness changes.
func TestClocksAreBounded(t *testing.T) {
	offsets := rapid.OneOf(
		rapid.SampledFrom([]time.Duration{0, 58 * time.Second, -58 * time.Second, -20 * time.Second, 2 * time.Hour, -2 * time.Hour,
			ringtest.Start.Sub(time.Unix(1000, 0)) * -1, 74 * 366 * 24 * time.Hour, 233 * 365 * 24 * time.Hour}),
		rapid.Map(rapid.Int64Range(-1e6, 1e6), func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }),
	)
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{Name: "test"})
		w := ringtest.NewTestRing(160, 2, nil)
		var off *ringtest.Actor
		var offset, delay time.Duration
		var last *chordevent.Event
		w.Emitted = func(ev *chordevent.Event) {
			if off != nil && ev.Node.ID == off.Self.ID {
				ev.Time, last = ev.Time.Add(offset), ev
			}
			r.Apply(ev, w.Now.Add(delay))
		}
		for id := range uint64(4) {
			w.Birth(id * 100)
		}
		w.RepairAll()
		off = w.Members[rapid.IntRange(0, 3).Draw(t, "host")]
		offset = offsets.Draw(t, "offset")
		delay = time.Duration(rapid.IntRange(0, 900).Draw(t, "delay, ms")) * time.Millisecond
		for range rapid.IntRange(1, 5).Draw(t, "seconds") {
			w.Now = w.Now.Add(time.Second)
			for _, a := range w.Members {
				w.Keyframe(a)
			}
			r.Advance(w.Now.Add(delay))
		}
		faults := r.View().Faults
		switch {
		case offset-delay > maxLag:
			if len(faults) != 1 || faults[0].Kind != ClockAhead || faults[0].Host.Address != off.Self.Addr || faults[0].Bound > offset || faults[0].Bound < offset-delay-time.Second {
				t.Fatalf("%v ahead: %+v", offset, faults)
			}
		case offset-delay < -maxLate:
			if len(faults) != 1 || faults[0].Kind != ClockBehind || faults[0].Bound < -offset || faults[0].Bound > -offset+delay+time.Second {
				t.Fatalf("%v behind: %+v", -offset, faults)
			}
		default:
			if len(faults) != 0 {
				t.Fatalf("%v: %+v", offset, faults)
			}
		}
		if got, known := r.Delay(last, w.Now.Add(delay)); known && got > delay+maxLate {
			t.Fatalf("the delay of an event is %v, from a clock that is off by %v", got, offset)
		}
		offset = 0 // corrected
		w.Keyframe(off)
		if faults := r.View().Faults; len(faults) != 0 {
			t.Fatalf("corrected: %+v", faults)
		}
	})
}

// TestOutagesAreNoClocks delays a member's events by any time: they are late, but the clock of the member's host is
// right.
func TestOutagesAreNoClocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{Name: "test"})
		w := settledIn(t, r, 4)
		var held []*chordevent.Event
		a := w.Members[1]
		w.Emitted = func(ev *chordevent.Event) { held = append(held, ev) }
		outage := rapid.IntRange(1, 7200).Draw(t, "seconds")
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			w.Now = w.Now.Add(time.Duration(outage) * time.Second / 20)
			w.Emit(a, chordevent.NodeLoad{})
		}
		for _, ev := range held {
			w.Now = w.Now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "catching up, ms")) * time.Millisecond)
			r.Apply(ev, w.Now)
			if got, known := r.Delay(ev, w.Now); !known || got != w.Now.Sub(ev.Time) {
				t.Fatalf("delayed by %v: %v, known %v", w.Now.Sub(ev.Time), got, known)
			}
			if faults := r.View().Faults; len(faults) != 0 {
				t.Fatalf("%+v", faults)
			}
		}
	})
}

func settledIn(t *rapid.T, r *Ring, n int) *ringtest.TestRing {
	w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	for id := range uint64(n) {
		w.Birth(id * 100)
	}
	w.RepairAll()
	if r.View().Status != Ideal {
		t.Fatal("not ideal")
	}
	return w
}

// TestSumsDoNotOverflow: sums of the members' loads do not overflow, however great the reported numbers are.
func TestSumsDoNotOverflow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(Options{Name: "test"})
		w := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		numbers := rapid.OneOf(rapid.SampledFrom([]int64{1 << 62, math.MaxInt64, 1}), rapid.Int64Range(0, math.MaxInt64))
		for id := range rapid.Uint64Range(2, 6).Draw(t, "members") {
			w.Birth(id * 100)
		}
		var least int64
		for _, a := range w.Members {
			lost := numbers.Draw(t, "lost")
			least = max(least, min(lost, maxCounted))
			ev := w.Event(a, chordevent.State{Status: chordevent.StatusActive, Period: time.Second, Lost: lost})
			ev.Instance = a.Self.Addr
			r.Apply(ev, w.Now)
			a.Seq = max(a.Seq, numbers.Draw(t, "number")-1)
			w.Emit(a, chordevent.NodeLoad{})
			v := r.View()
			if v.Counts.Lost < least || v.Counts.Missing < 0 || r.Member(a.Self.ID).Missing < 0 {
				t.Fatalf("%d lost, %d missing", v.Counts.Lost, v.Counts.Missing)
			}
		}
		restored, err := Restore(Options{Name: "test"}, r.Checkpoint())
		if err != nil || restored.View().Counts.Lost != r.View().Counts.Lost || restored.View().Counts.Missing != r.View().Counts.Missing {
			t.Fatalf("%v", err)
		}
	})
}

// TestBoundsAreRoundedAsBounds: the text about a clock is true for every bound, in whole seconds.
func TestBoundsAreRoundedAsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := time.Duration(rapid.Int64Range(1, int64(1000*time.Hour)).Draw(t, "bound"))
		for kind, words := range map[FaultKind][2]string{ClockAhead: {", by ", " or more"}, ClockBehind: {", by up to ", ""}} {
			text := (&Fault{Kind: kind, Bound: bound}).String()
			_, stated, _ := strings.Cut(strings.TrimSuffix(text, words[1]), words[0])
			d, err := time.ParseDuration(stated)
			if off := bound - d; err != nil || kind == ClockAhead && (off < 0 || off >= time.Second) || kind == ClockBehind && (off > 0 || off <= -time.Second) {
				t.Fatalf("%v is written as %q", bound, text)
			}
		}
	})
}

// TestFaultsOutliveACheckpoint restores a ring with one fault of each kind.
func TestFaultsOutliveACheckpoint(t *testing.T) {
	r := New(Options{})
	w := settled(t, r, 6)
	copied := w.Event(w.Members[1], chordevent.NodeLoad{})
	copied.Instance = "another"
	r.Apply(copied, w.Now)
	ahead := w.Event(w.Members[2], chordevent.NodeLoad{})
	ahead.Time = ahead.Time.Add(58 * time.Second)
	r.Apply(ahead, w.Now)
	behind := w.Event(w.Members[3], chordevent.NodeLoad{})
	behind.Time = time.Unix(1000, 0)
	r.Apply(behind, w.Now)
	never := w.Members[4].Self
	never.Incarnation = math.MaxInt64
	w.Emit(w.Members[0], chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: never}})
	restored, err := Restore(Options{}, r.Checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	v, again := r.View(), restored.View()
	if len(v.Faults) != 3 || v.FaultCounts.Total() != 3 || !slices.Equal(v.Faults, again.Faults) || restored.faulty != r.faulty || restored.reporting != 1 {
		t.Errorf("%+v, restored %+v", v.Faults, again.Faults)
	}
	for _, f := range v.Faults {
		if text := f.String(); text == "" || f.Kind == ClockAhead && text != "the clock of host host-200:1 is ahead of the conductor's clock, by 58s or more" {
			t.Errorf("%q", text)
		}
	}
}
