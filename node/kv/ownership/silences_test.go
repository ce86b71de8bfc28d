package ownership

import (
	"chordconductor/node/chord"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSilentHosts: a host is silent while queries to several of its members have ended without an answer, if it has sent
// no message since these began. Both lists are bounded.
func TestSilentHosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const lasts = 10
		var s Silences
		now := time.Unix(1000, 0)
		silent, until, contact := map[string]map[chord.Peer]bool{}, map[string]time.Time{}, map[string]time.Time{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			p := chord.Peer{ID: chord.ID{byte(rapid.IntRange(1, 3).Draw(t, "id"))}, Addr: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "host"), Incarnation: 1}
			now = now.Add(time.Duration(rapid.IntRange(1, 6).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 3).Draw(t, "message") == 0 {
				s.Contact(p.Addr, now)
				contact[p.Addr] = now
				delete(silent, p.Addr)
			} else {
				began := now.Add(-time.Duration(rapid.IntRange(0, 6).Draw(t, "since")) * time.Second)
				s.Note(p, began, now.Add(lasts*time.Second))
				if at, ok := contact[p.Addr]; !ok || at.Before(began) {
					if silent[p.Addr] == nil {
						silent[p.Addr] = map[chord.Peer]bool{}
					}
					silent[p.Addr][p], until[p.Addr] = true, now.Add(lasts*time.Second)
				}
			}
			for _, addr := range []string{"a", "b"} {
				if want := len(silent[addr]) >= SilentMembers && until[addr].After(now); s.Has(addr, now) != want {
					t.Fatalf("host %s silent: %v, want %v", addr, !want, want)
				}
			}
		}
		for i := range 3 * maxSilentHosts {
			s.Contact(fmt.Sprint("c", i), now)
			s.Note(chord.Peer{Addr: fmt.Sprint("n", i)}, now, now)
		}
		if len(s.silent) > maxSilentHosts || len(s.contacts) > maxSilentHosts {
			t.Errorf("%d silent hosts, %d contacts", len(s.silent), len(s.contacts))
		}
	})
}
