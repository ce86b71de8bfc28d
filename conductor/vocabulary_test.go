package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/internal/emissions"
	"chordconductor/otel/chordevent"
)

// isImpossible reports whether a series has values that exclude each other: each signal has its own target, and only
// log records are events or foreign.
func isImpossible(series string) bool {
	for _, signal := range []string{"traces", "metrics", "logs"} {
		if !strings.Contains(series, string(chordevent.SignalKey)+"="+signal) {
			continue
		}
		if strings.HasPrefix(series, chordevent.Forwarded.Name+":") {
			return !strings.Contains(series, string(chordevent.ForwardTargetKey)+"="+signal)
		}
		return strings.Contains(series, "=ok") == (signal == "logs")
	}
	return false
}

// The conductor emits exactly the documented metrics, with every enumerated value; its counters show 0 before anything
// is counted.
func TestVocabularyOfTheConductor(t *testing.T) {
	cmd, o := commandWith()
	if err := cmd.ParseFlags([]string{
		"--scenario", "none", "--http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--data-dir", t.TempDir(),
		"--forward-traces", "127.0.0.1:1", "--forward-metrics", "127.0.0.1:1", "--forward-logs", "127.0.0.1:1",
	}); err != nil {
		t.Fatal(err)
	}
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	seen := emissions.New()
	meters := seen.Metrics()
	o.meters = meters
	c, err := start(*o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	collect := func() {
		if err := meters.Collect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	collect()
	unstarted := slices.DeleteFunc(seen.Unstarted(chordevent.ConductorCounters()), isImpossible)

	conn, _, err := websocket.Dial(t.Context(), "ws://"+c.page.Addr().String()+"/ws", &websocket.DialOptions{Subprotocols: []string{"chord.v1"}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	hello, err := proto.Marshal(&hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, hello); err != nil {
		t.Fatal(err)
	}
	_, events := otlptest.Ring(16, 4, time.Now())
	if err := c.live.Offer(events, time.Now()); err != nil {
		t.Fatal(err)
	}
	vocabulary := chordevent.ConductorVocabulary()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var unseen []string
	for { // the client's messages pace this: one a second at least
		if _, _, err := conn.Read(ctx); err != nil {
			t.Fatalf("documented and not emitted:\n%s", strings.Join(unseen, "\n"))
		}
		collect()
		if unseen = seen.Unseen(vocabulary); len(unseen) == 0 {
			break
		}
	}
	conn.CloseNow()
	if err := c.stop(); err != nil {
		t.Error(err)
	}
	if len(unstarted) > 0 {
		t.Errorf("not written as 0 at first:\n%s", strings.Join(unstarted, "\n"))
	}
	if list := seen.Undocumented(vocabulary); len(list) > 0 {
		t.Errorf("emitted and not documented:\n%s", strings.Join(list, "\n"))
	}
}
