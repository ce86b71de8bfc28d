package member_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"chordconductor/internal/cputime"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/simenv"
)

// BenchmarkLookup measures lookups between 64 members of one process that call each other in memory, on all cores.
// Every answer is checked.
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
	e.Serve(h, h, nil, nil)
	if _, err := h.Start(64); err != nil {
		b.Fatal(err)
	}
	defer h.Crash()
	members := h.Members()
	polltest.Until(b, "the ring is ideal and fingers are settled", func() bool {
		var states []chord.State
		for _, m := range members {
			states = append(states, m.State())
		}
		return chord.Observe(states).Ideal(h.Space()) && fingersSettled(members)
	})
	ring := (&fleet{hosts: []*host{{Host: h}}}).observe()

	var next, hops, wrong atomic.Int64
	b.ReportAllocs()
	before := cputime.Used()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := next.Add(1)
			var name [8]byte
			binary.BigEndian.PutUint64(name[:], uint64(n))
			key := h.Space().Hash(name[:])
			found, err := members[n%64].Find(b.Context(), key, mode)
			if err != nil || found.Owner != owner(ring, key) {
				wrong.Add(1)
			}
			hops.Add(int64(found.Hops()))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op")
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

// settled is a simulated ring that has become ideal.
func settled(b *testing.B, cfg member.Config, size int) (*simWorld, []*member.Host) {
	w := newSimWorld(b, simenv.Config{Seed: 1, Delay: simenv.Exponential(50 * time.Millisecond)})
	var hosts []*member.Host
	for i := range size {
		if i > 0 {
			cfg.Join = []string{hosts[i/2].Address()}
		}
		e, err := w.World.Host(fmt.Sprintf("host%d:1", i))
		if err != nil {
			b.Fatal(err)
		}
		h, err := member.NewHost(cfg, e.Address(), e, member.Telemetry{})
		if err != nil {
			b.Fatal(err)
		}
		e.Serve(h, h, nil)
		if _, err := h.Start(1); err != nil {
			b.Fatal(err)
		}
		hosts = append(hosts, h)
		w.Run(20 * time.Millisecond)
	}
	w.Run(20 * cfg.Stabilize)
	return w, hosts
}

// BenchmarkVirtualMinute measures a minute of a ring of 1000 as in ToN Table III: lists of 20, stabilize every 30 s,
// without keys.
func BenchmarkVirtualMinute(b *testing.B) {
	w, _ := settled(b, member.Config{Successors: 20, Stabilize: 30 * time.Second, RingOnly: true}, 1000)
	before := cputime.Used()
	b.ResetTimer()
	for range b.N {
		w.Run(time.Minute)
	}
	b.ReportMetric((cputime.Used()-before).Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkLiveSecond measures a second of 2000 members with keys that stabilize every 2 s, and the memory that each
// takes.
func BenchmarkLiveSecond(b *testing.B) {
	var empty, full runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&empty)
	const size = 2000
	w, hosts := settled(b, member.Config{Stabilize: 2 * time.Second}, size)
	before := cputime.Used()
	b.ResetTimer()
	for range b.N {
		w.Run(time.Second)
	}
	b.ReportMetric((cputime.Used()-before).Seconds()/float64(b.N), "cpu-s/op")
	runtime.GC()
	runtime.ReadMemStats(&full)
	b.ReportMetric(float64(full.HeapInuse+full.StackInuse-empty.HeapInuse-empty.StackInuse)/size/1024, "KiB/member")
	runtime.KeepAlive(hosts)
}
