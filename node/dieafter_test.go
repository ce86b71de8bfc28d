package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseLifetime(t *testing.T) {
	for text, want := range map[string]lifetime{
		"":        {},
		"30s-90s": {30 * time.Second, 90 * time.Second},
		"1m-1m":   {time.Minute, time.Minute},
	} {
		if got, err := parseLifetime("--die-after", text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"30s", "-", "0s-1s", "90s-30s", "a-b", "1s-2s-3s"} {
		if _, err := parseLifetime("--die-after", text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestLifetimeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, died := time.Now(), make(chan time.Time, 1)
		lifetime{30 * time.Second, 90 * time.Second}.begin(t.Context(), func() { died <- time.Now() })
		if age := (<-died).Sub(began); age < 30*time.Second || age > 90*time.Second {
			t.Errorf("died after %v", age)
		}
	})
}

func TestLeavingHostDoesNotDie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		lifetime{time.Second, time.Second}.begin(ctx, func() { t.Error("died while leaving") })
		leave()
		synctest.Wait()
		<-time.After(time.Minute)
	})
}
