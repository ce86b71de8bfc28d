package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running starts a Live that ends with the test.
func running(t *testing.T, cfg Config) *Live {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestEventsBecomeTheView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Config{})
		sub := l.Subscribe()
		defer sub.Close()
		_, events := otlptest.Ring(16, 4, time.Now())
		time.Sleep(80 * time.Millisecond)
		if err := l.Offer(events, time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(publishEvery)
		synctest.Wait()
		v := l.View()
		if v.Status != ring.Ideal || v.Counts.Active != 16 || v.Error != 0 {
			t.Errorf("view %v with error %d and %d active, want 16 in an ideal ring", v.Status, v.Error, v.Counts.Active)
		}
		st := l.Stats()
		if st.Applied != 16 || st.QueueEvents != 0 {
			t.Errorf("stats %+v", st)
		}
		if ms := st.StalenessP99.Milliseconds(); ms < 75 || ms > 85 {
			t.Errorf("staleness p99 %v, want some 80 ms", st.StalenessP99)
		}
		<-sub.C()

		time.Sleep(windowSeconds*time.Second + time.Second)
		if st := l.Stats(); st.StalenessP99 != 0 {
			t.Errorf("staleness p99 %v ten seconds after the last event, want none", st.StalenessP99)
		}
	})
}

func TestFullQueueRefusesThenRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := New(Config{QueueLimit: 10, SpanLimit: 2})
		if err != nil {
			t.Fatal(err)
		}
		_, events := otlptest.Ring(8, 2, time.Now())
		if err := l.Offer(events, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := l.Offer(events[:3], time.Now()); !errors.Is(err, ErrFull) {
			t.Errorf("11 events in a queue of 10: %v, want ErrFull", err)
		}
		if err := l.Offer(events[:2], time.Now()); err != nil {
			t.Errorf("10 events in a queue of 10: %v", err)
		}
		l.OfferSpans(make([]lookups.Span, 2), nil)
		l.OfferSpans(make([]lookups.Span, 1), nil)
		if st := l.Stats(); st.Refused != 3 || st.SpansDropped != 1 || st.QueueEvents != 10 {
			t.Errorf("stats %+v, want 3 events refused, 1 span dropped, 10 events waiting", st)
		}

		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		synctest.Wait()
		// A batch larger than the whole queue must be accepted at some time.
		_, more := otlptest.Ring(64, 2, time.Now())
		if err := l.Offer(more, time.Now()); err != nil {
			t.Errorf("64 events in an empty queue of 10: %v", err)
		}
		cancel()
		<-done
		if err := l.Offer(events, time.Now()); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v, want ErrClosed", err)
		}
		// Events that were queued when the context ended must be in the last view.
		if v := l.View(); v.Counts.Active < 64 {
			t.Errorf("%d active members after the drain, want 64 at least", v.Counts.Active)
		}
	})
}

type memo struct {
	events   []chordevent.Event
	advances int
}

func (m *memo) Append(ev *chordevent.Event, _ time.Time) { m.events = append(m.events, *ev) }
func (m *memo) Advance(time.Time)                        { m.advances++ }

func TestRecorderHearsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memo{}
		l := running(t, Config{Recorder: m})
		_, events := otlptest.Ring(8, 2, time.Now())
		for i := range events {
			if err := l.Offer(events[i:i+1:i+1], time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !reflect.DeepEqual(m.events, events) || m.advances != 5 {
			t.Errorf("%d events and %d advances recorded, want %d in order, and 5 in a second", len(m.events), m.advances, len(events))
		}
	})
}

// Another conductor that receives only the next keyframes has the same view.
func TestKeyframesRebuildTheView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members, events := otlptest.Ring(16, 4, time.Now())
		first := running(t, Config{})
		first.Offer(events, time.Now())
		time.Sleep(time.Second)

		second := running(t, Config{})
		var keyframes []chordevent.Event
		for i, m := range members {
			m.Event(time.Now(), chordevent.NodeLoad{}) // an event that the second never receives
			keyframes = append(keyframes, m.Event(time.Now(), otlptest.Keyframe(members, i, 4)))
		}
		first.Offer(keyframes, time.Now())
		second.Offer(keyframes, time.Now())
		time.Sleep(time.Second)
		synctest.Wait()
		a, b := first.View(), second.View()
		if a.Status != ring.Ideal || b.Status != a.Status || b.Error != a.Error || len(b.Members) != len(a.Members) {
			t.Fatalf("first %v with %d members, second %v with %d", a.Status, len(a.Members), b.Status, len(b.Members))
		}
		for i := range a.Members {
			x, y := *a.Members[i], *b.Members[i]
			x.FirstEvent, y.FirstEvent = time.Time{}, time.Time{}
			x.Changed, y.Changed = 0, 0
			if !reflect.DeepEqual(x, y) {
				t.Errorf("member %d differs:\n%+v\n%+v", i, x, y)
			}
		}
	})
}

func TestSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Config{})
		members, events := otlptest.Ring(8, 2, time.Now())
		l.Offer(events, time.Now())
		time.Sleep(1500 * time.Millisecond)
		for i, m := range members {
			load := chordevent.NodeLoad{Load: chordevent.Load{Gets: 10, Puts: 5}}
			l.Offer([]chordevent.Event{m.Event(time.Now(), load)}, time.Now())
			root := lookups.Span{
				Trace: trace.TraceID{byte(i + 1)}, ID: trace.SpanID{1}, Name: chordevent.SpanLookup, Node: m.Peer.ID, Ring: l.View().Name, Digits: (l.View().Bits + 3) / 4,
				Start: time.Now(), End: time.Now().Add(20 * time.Millisecond), Outcome: chordevent.OutcomeOK, Owner: m.Peer.ID, HasOwner: true,
			}
			l.OfferSpans([]lookups.Span{root}, nil)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		samples := l.Samples()
		if len(samples) != 5 {
			t.Fatalf("%d samples in 4.5 s, want 5: the first at once", len(samples))
		}
		var gets, puts, found, got float64
		for _, s := range samples[1:] {
			gets, puts, found, got = gets+s.Gets, puts+s.Puts, found+s.Lookups, got+s.Events
		}
		if gets != 80 || puts != 40 || found != 8 || got != 8 {
			t.Errorf("%v gets, %v puts, %v lookups, %v events in all; want 80, 40, 8, 8", gets, puts, found, got)
		}
		if p := samples[3].P50; p < 19*time.Millisecond || p > 21*time.Millisecond {
			t.Errorf("median %v, want 20 ms", p)
		}
		if samples[4].Members != 8 {
			t.Errorf("%d members, want 8", samples[3].Members)
		}
		if done := l.Lookups(100); len(done) != 8 {
			t.Errorf("%d lookups, want 8", len(done))
		}
		if st := l.Stats(); st.LookupsSampled != -1 {
			t.Errorf("sampled share %v though no process reports the number of lookups", st.LookupsSampled)
		}
	})
}

// TestForeignLookupsAreCounted mixes lookups of the ring with those of other rings, and of identifiers of another
// length, in any order, before and after the name of the ring is known.
func TestForeignLookupsAreCounted(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 13))
			l := running(t, Config{})
			members, events := otlptest.Ring(4, 2, time.Now())
			if seed%2 == 0 {
				l.Offer(events, time.Now())
			}
			ours, others := 0, uint64(0)
			for i := range 40 {
				span := lookups.Span{
					Trace: trace.TraceID{byte(i + 1)}, ID: trace.SpanID{1}, Name: chordevent.SpanLookup, Node: members[0].Peer.ID, Ring: "test", Digits: 40,
					Start: time.Now(), End: time.Now(), Outcome: chordevent.OutcomeOK, Owner: members[0].Peer.ID, HasOwner: true,
				}
				switch random.IntN(4) {
				case 0:
					span.Ring = []string{"", "other", "Test"}[random.IntN(3)]
				case 1:
					span.Digits = []int{4, 39, 20}[random.IntN(3)]
				}
				if span.Ring == "test" && span.Digits == 40 {
					ours++
				} else {
					others++
				}
				l.OfferSpans([]lookups.Span{span}, nil)
			}
			if seed%2 == 1 {
				l.Offer(events, time.Now())
			}
			time.Sleep(3 * time.Second)
			synctest.Wait()
			if st := l.Stats(); st.LookupsForeign != others || len(l.Lookups(100)) != ours {
				t.Errorf("seed %d: %d foreign, %d shown; want %d and %d", seed, st.LookupsForeign, len(l.Lookups(100)), others, ours)
			}
		})
	}
}

// TestForeignRingsAreNamed has any number of processes of other rings send events: the events are counted, the
// processes in the list are named, and the list stays within its bound.
func TestForeignRingsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer // only the fold's goroutine writes it, and waits when this is read
		l := running(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
		members, events := otlptest.Ring(4, 2, time.Now())
		l.Offer(events, time.Now())
		const senders = maxForeign + 5
		for i := range senders {
			for range i + 1 {
				ev := members[0].Event(time.Now(), chordevent.NodeLoad{})
				ev.Ring, ev.Instance = "other", fmt.Sprint("process-", i)
				l.Offer([]chordevent.Event{ev}, time.Now())
			}
		}
		odd := otlptest.NewMember(16, 17, time.Now().UnixNano()).Event(time.Now(), chordevent.Started{Bits: 24, ListLen: 4, Replicas: 2})
		l.Offer([]chordevent.Event{odd}, time.Now())
		time.Sleep(time.Second)
		synctest.Wait()
		st := l.Stats()
		if st.Foreign != senders*(senders+1)/2+1 || len(st.ForeignRings) != maxForeign {
			t.Errorf("%d foreign events, of %d named senders", st.Foreign, len(st.ForeignRings))
		}
		for _, f := range st.ForeignRings {
			var i uint64
			if _, err := fmt.Sscanf(f.Instance, "process-%d", &i); err != nil || f.Ring != "other" || f.Events != i+1 {
				t.Errorf("%+v", f)
			}
		}
		if want := []ring.Parameters{{Bits: 24, Successors: 4, Replicas: 2, Members: 1}}; !slices.Equal(st.RefusedParameters, want) {
			t.Errorf("%+v", st.RefusedParameters)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != maxForeign+1 || !strings.Contains(lines[0], "ring=other instance=process-0") || !strings.Contains(lines[maxForeign], "bits=24 successors=4 replicas=2") {
			t.Errorf("the log has %d lines:\n%s", len(lines), log.String())
		}
	})
}

func TestSubscriptionCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Config{})
		sub := l.Subscribe()
		time.Sleep(10*time.Second + advanceEvery/2)
		<-sub.C()
		synctest.Wait()
		select {
		case <-sub.C():
			t.Error("more than one wake-up waited")
		default:
		}
		sub.Close()
		time.Sleep(10*time.Second + advanceEvery/2)
		select {
		case <-sub.C():
			t.Error("woken after Close")
		default:
		}
	})
}

func TestFeedKeepsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t, Config{})
		members, keyframes := otlptest.Ring(8, 2, time.Now())
		l.Offer(keyframes, time.Now())
		const n = feedSize + 100
		for range n {
			l.Offer([]chordevent.Event{members[0].Event(time.Now(), chordevent.PeerFailed{Peer: members[1].Peer, Operation: "chord.stabilize"})}, time.Now())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if l.FeedSeq() != n {
			t.Errorf("newest event %d, want %d: keyframes are not in the feed", l.FeedSeq(), n)
		}
		seqs := func(events []FeedEvent) string {
			if len(events) == 0 {
				return "none"
			}
			return fmt.Sprintf("%d…%d (%d)", events[0].Seq, events[len(events)-1].Seq, len(events))
		}
		for _, c := range []struct {
			after uint64
			limit int
			want  string
		}{
			{0, 10, fmt.Sprintf("%d…%d (10)", n-9, n)},
			{n - 5, 3, fmt.Sprintf("%d…%d (3)", n-4, n-2)},
			{n - 5, 100, fmt.Sprintf("%d…%d (5)", n-4, n)},
			{1, 150, "101…151 (51)"},
			{n, 10, "none"},
			{n + 10, 10, "none"},
			{0, 0, "none"},
			{0, 1 << 20, fmt.Sprintf("101…%d (%d)", n, feedSize)},
		} {
			if got := seqs(l.Events(c.after, c.limit)); got != c.want {
				t.Errorf("Events(%d, %d) = %s, want %s", c.after, c.limit, got, c.want)
			}
		}
		if got := seqs(l.EventsAbout(members[1].Peer.ID, 7)); got != fmt.Sprintf("%d…%d (7)", n-6, n) {
			t.Errorf("EventsAbout the peer = %s", got)
		}
		if got := seqs(l.EventsAbout(members[5].Peer.ID, 7)); got != "none" {
			t.Errorf("EventsAbout an unknown member = %s", got)
		}
	})
}
