package kv

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/hlc"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/store"
	"chordconductor/otel/chordevent"
)

// refusedNumbers records the calls of Config.Implausible.
type refusedNumbers struct{ by, texts []string }

func (r *refusedNumbers) note(address, text string) {
	r.by, r.texts = append(r.by, address), append(r.texts, text)
}

// TestVersionsAreAcceptedFromAnyClock: a record is accepted whatever clock its version is of. Only a version beyond
// what can have been counted since is refused, by every way in, and its sender is reported.
func TestVersionsAreAcceptedFromAnyClock(t *testing.T) {
	now := newFakeWorld().now
	ways := map[string]struct {
		beyond time.Duration // of the clock, that is accepted
		bring  func(t *testing.T, from, to *Keeper, own *terms.Ownership, rec *store.Record) error
	}{
		"as the owner": {2 * hlc.MaxDifference, func(t *testing.T, from, to *Keeper, own *terms.Ownership, rec *store.Record) error {
			return from.pushRecords(t.Context(), to.self, own, []*store.Record{rec}, nil, "")
		}},
		"to the owner": {0, func(t *testing.T, from, to *Keeper, own *terms.Ownership, rec *store.Record) error {
			from.setRegister(nil)
			to.setRegister(&terms.Ownership{Owner: to.self, From: to.self.ID, Epoch: own.Epoch + 1})
			return from.pushRecords(t.Context(), to.self, nil, []*store.Record{rec}, nil, "")
		}},
		"fetched": {2 * hlc.MaxDifference, func(t *testing.T, from, to *Keeper, _ *terms.Ownership, rec *store.Record) error {
			from.store.Put(rec)
			records, _, err := to.fetch(t.Context(), from.self, []string{rec.Key}, "")
			for _, r := range records {
				_, _ = to.merge(r, forKeeps)
			}
			return err
		}},
		"with a handoff": {2 * hlc.MaxDifference, func(t *testing.T, from, to *Keeper, own *terms.Ownership, rec *store.Record) error {
			from.setRegister(&terms.Ownership{Owner: from.self, From: to.self.ID, Epoch: own.Epoch + 1})
			move := from.beginOut(to.self, to.self.ID, own.Epoch+2, chordevent.MoveJoin)
			if _, err := from.begin(t.Context(), move.Outgoing); err != nil {
				t.Fatal(err)
			}
			return from.step(t.Context(), move.Outgoing, nodepb.MoveRequest_PHASE_RECORDS, []*store.Record{rec})
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			most := hlc.Ceiling(now.Add(way.beyond))
			for _, version := range []uint64{
				1, hlc.StampOf(now.Add(-time.Hour)), hlc.StampOf(now.Add(24 * 365 * time.Hour)), hlc.MaxStamp, hlc.MaxStamp + 1, most,
				most + 1, math.MaxUint64 - 1<<40, math.MaxUint64 - 1<<40 + 1, math.MaxUint64,
			} {
				_, a, b, own := pair(t)
				var refused refusedNumbers
				b.cfg.Implausible = refused.note
				rec := record(wideSpace(), 1, version)
				err := way.bring(t, a, b, own, rec)
				held := b.store.Get(rec.ID, rec.Key)
				if version <= most && (err != nil || !held.Same(rec) || len(refused.by) > 0) {
					t.Errorf("a record of version %d: %v, held %v, refused %v", version, err, held, refused)
				}
				if version > most && (!errors.Is(err, terms.ErrRefused) || held != nil || len(refused.by) != 1 || refused.by[0] != a.self.Addr || !strings.Contains(refused.texts[0], rec.Key)) {
					t.Errorf("a record of version %d: %v, held %v, refused %v", version, err, held, refused)
				}
			}
		})
	}
}

// TestNoVersionEndsItsKey: whatever accepted versions peers send to the owner of a key, however often, and however its
// host's clock and those of the replicas differ, the owner's next write is the newest and reaches all replicas.
func TestNoVersionEndsItsKey(t *testing.T) {
	key := "k"
	rapid.Check(t, func(rt *rapid.T) {
		w, s := newFakeWorld(), wideSpace()
		n := rapid.IntRange(2, 4).Draw(rt, "hosts")
		var peers []chord.Peer
		for i := range n {
			peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(i)), Addr: string(rune('a' + i)), Incarnation: 1})
		}
		cfg := Config{Space: s, Replicas: n}
		var hosts []*Keeper
		for i := range n {
			own := terms.Ownership{Owner: peers[i]}
			if i == 0 {
				own.From, own.Epoch = peers[0].ID, 1
			}
			k, _ := w.add(t, own, cfg, append(append([]chord.Peer(nil), peers[i+1:]...), peers[:i]...)...)
			off := time.Duration(rapid.Int64Range(0, int64(hlc.MaxDifference)).Draw(rt, "clock offset"))
			k.clock = hlc.NewClock(func() time.Time { return w.now.Add(off) })
			hosts = append(hosts, k)
		}
		owner, writes := hosts[0], byte(0)
		var newest uint64
		rt.Repeat(map[string]func(*rapid.T){
			"hostile record": func(rt *rapid.T) {
				version := rapid.SampledFrom([]uint64{owner.clock.Ceiling(0), owner.clock.Ceiling(0) + 1, hlc.MaxStamp, math.MaxUint64 - 1<<40, math.MaxUint64,
					newest + 1<<20}).Draw(rt, "version") - rapid.Uint64Range(0, 2).Draw(rt, "less")
				_, err := owner.Replicate(t.Context(), &nodepb.ReplicateRequest{Records: []*nodepb.Record{{Key: []byte(key), Version: version, Writer: peers[1].ID[:]}}})
				if err != nil && status.Code(err) != codes.InvalidArgument {
					rt.Fatal(err)
				}
			},
			"hostile stamp": func(rt *rapid.T) {
				owner.clock.Observe(rapid.SampledFrom([]uint64{owner.clock.Ceiling(0), hlc.MaxStamp, math.MaxUint64}).Draw(rt, "stamp"))
			},
			"put": func(rt *rapid.T) {
				w.now = w.now.Add(time.Millisecond)
				writes++
				got, err := owner.Apply(t.Context(), apply(writes, opPut, string(rune(writes))))
				if err != nil || got.Outcome != nodepb.ApplyResponse_OUTCOME_OK || int(got.Copies) != n || got.Record.Version <= newest {
					rt.Fatalf("put: %v, %v, after version %d", got, err, newest)
				}
				newest = got.Record.Version
				for _, h := range hosts {
					if held := h.store.Get(s.Hash([]byte(key)), key); held.Version != newest {
						rt.Fatalf("%s holds version %d after the put of %d", h.self.Addr, held.Version, newest)
					}
				}
			},
		})
	})
}
