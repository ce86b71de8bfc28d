package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// restless is a scenario in which something happens to the ring all the time.
const restless = `name: restless
ring: {members: 16, successors: 4, transport: memory}
timing: {stabilize: 100ms, keyframe: 2s}
workload: {rate: 50/s, keys: 500}
phases:
  - {at: 6s, churn: {join: 3/s, leave: 2/s, crash: 1/s}}
duration: 1h
`

// A conductor is killed in the middle of an experiment, with its ring. The next conductor shows the history up to the
// last second before that.
func TestHistoryOutlivesAKill(t *testing.T) {
	dir := t.TempDir()
	scenario := filepath.Join(dir, "restless.yaml")
	if err := os.WriteFile(scenario, []byte(restless), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	first := startConductor(t, "--scenario", scenario, "--data-dir", data)

	// What the first conductor showed, and when.
	type look struct {
		shown time.Time // the answer is of this instant or earlier
		Time  time.Time
		Seq   uint64
	}
	var looks []look
	begun := time.Now()
	polltest.Passes(t, 60*time.Second, "ten seconds of churn", func() error {
		status, body := first.call("GET", "/api/ring", nil)
		l := look{shown: time.Now()}
		if status != http.StatusOK {
			return fmt.Errorf("GET /api/ring: %d %s", status, tail(body, 200))
		}
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			return err
		}
		looks = append(looks, l)
		if since := time.Since(begun); since < 18*time.Second {
			return fmt.Errorf("%v have passed", since)
		}
		return nil
	})
	killed := time.Now()
	first.kill()
	last := looks[len(looks)-1]

	second := startConductor(t, "--scenario", "none", "--data-dir", data)
	at := func(instant time.Time) (l look) {
		t.Helper()
		status, body := second.call("GET", "/api/ring?at="+instant.UTC().Format(time.RFC3339Nano), nil)
		if status != http.StatusOK {
			t.Fatalf("the ring at %v: %d %s", instant, status, tail(body, 200))
		}
		if err := json.Unmarshal([]byte(body), &l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	kept := at(killed)
	var secondBefore, halfway look
	for i, l := range looks {
		if killed.Sub(l.shown) >= time.Second {
			secondBefore = l
		}
		if i == len(looks)/2 {
			halfway = l
		}
	}
	t.Logf("%d events were shown, %d of them more than a second before the kill; %d are kept", last.Seq, secondBefore.Seq, kept.Seq)
	if last.Seq <= secondBefore.Seq || secondBefore.Seq == 0 {
		t.Fatalf("nothing happened in the last second: %+v, %+v", secondBefore, last)
	}
	if kept.Seq < secondBefore.Seq {
		t.Errorf("%d events are kept, but %d were shown more than a second before the kill", kept.Seq, secondBefore.Seq)
	}
	if then := at(halfway.Time); then.Seq < halfway.Seq || then.Seq >= kept.Seq {
		t.Errorf("at %v the ring showed %d events, the history %d of %d", halfway.Time, halfway.Seq, then.Seq, kept.Seq)
	}
}
