package member_test

import (
	"encoding/binary"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
)

// BenchmarkLookup is lookups between 64 members of one process that call each other in memory, on all cores. Every
// answer is checked.
func BenchmarkLookup(b *testing.B) {
	for _, mode := range []member.Mode{member.Recursive, member.Iterative} {
		b.Run(string(mode), func(b *testing.B) { benchmarkLookup(b, mode) })
	}
}

func benchmarkLookup(b *testing.B, mode member.Mode) {
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	h, err := member.NewHost(member.Config{Stabilize: 50 * time.Millisecond, RingOnly: true}, e.Address(), e, member.Telemetry{})
	if err != nil {
		b.Fatal(err)
	}
	e.Serve(h, h, nil)
	if _, err := h.Start(64); err != nil {
		b.Fatal(err)
	}
	defer h.Crash()
	members := h.Members()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var states []chord.State
		for _, m := range members {
			states = append(states, m.State())
		}
		if g := chord.Observe(states); g.Ideal(h.Space()) && fingersSettled(members) {
			break
		}
		<-tick.C
	}
	ring := (&fleet{hosts: []*host{{Host: h}}}).observe()

	var next, hops, wrong atomic.Int64
	b.ReportAllocs()
	before := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := next.Add(1)
			key := h.Space().Hash(binary.BigEndian.AppendUint64(nil, uint64(n)))
			found, err := members[n%64].Find(b.Context(), key, mode)
			if err != nil || found.Owner != owner(ring, key) {
				wrong.Add(1)
			}
			hops.Add(int64(found.Hops()))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(hops.Load())/float64(b.N), "hops")
	if wrong.Load() > 0 {
		b.Errorf("%d of %d lookups failed or were wrong", wrong.Load(), b.N)
	}
}

// fingersSettled reports whether every member has filled its finger table.
func fingersSettled(members []*member.Member) bool {
	for _, m := range members {
		runs := m.Fingers().Runs()
		if len(runs) == 0 || runs[0].First != 0 || runs[len(runs)-1].Last != 159 && m.Fingers().At(159) == (chord.Peer{}) {
			return false
		}
	}
	return true
}

// processorTime is what the process has used of the processors: what a benchmark costs even when the machine has other
// things to do.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
