package web

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"chordconductor/conductor/replay"
)

// fakeReplay is a replay with three events left.
type fakeReplay struct{ state replay.State }

func (p *fakeReplay) State() replay.State { return p.state }

func (p *fakeReplay) Set(paused *bool, speed *float64) error {
	if paused != nil {
		p.state.Paused = *paused
	}
	if speed != nil {
		p.state.Speed = *speed
	}
	return nil
}

func (p *fakeReplay) Step(_ context.Context, n int) error {
	if p.state.Events >= 3 {
		return replay.ErrEnded
	}
	p.state.Events += uint64(n)
	return nil
}

func TestReplay(t *testing.T) {
	p := &fakeReplay{replay.State{File: "today.otlp", From: instant, Time: instant, Speed: 1}}
	s, _ := newServer(t, func(c *Config) { c.Control, c.Replay = nil, p })
	for _, test := range []struct {
		method, path, body string
		status             int
		answer             string
	}{
		{"GET", "/api/replay", ``, 200, `{"file":"today.otlp","from":"2026-05-04T03:02:01Z","time":"2026-05-04T03:02:01Z","speed":1,"paused":false,"ended":false,"events":0}`},
		{"PUT", "/api/replay", `{"speed":10}`, 202, `"speed":10,"paused":false`},
		{"PUT", "/api/replay", `{"paused":true}`, 202, `"speed":10,"paused":true`},
		{"PUT", "/api/replay", `{"pause":true}`, 400, `unknown field \"pause\"`},
		{"POST", "/api/replay/step", ``, 202, `"events":1`},
		{"POST", "/api/replay/step", `{"events":2}`, 202, `"events":3`},
		{"POST", "/api/replay/step", ``, 409, `the recording is at its end`},
		{"DELETE", "/api/replay", ``, 405, ``},
		{"POST", "/api/nodes", ``, 409, `this is a replay`},
	} {
		r := ask(s, test.method, test.path, test.body)
		if got := text(t, r); r.StatusCode != test.status || !strings.Contains(got, test.answer) {
			t.Errorf("%s %s %s: %d %s, want %d %s", test.method, test.path, test.body, r.StatusCode, got, test.status, test.answer)
		}
	}
	s, _ = newServer(t, nil)
	if r := ask(s, "GET", "/api/replay", ""); r.StatusCode != http.StatusNotFound || !strings.Contains(complaint(t, r), "conductor replay FILE") {
		t.Errorf("where nothing is played: %d", r.StatusCode)
	}
}
