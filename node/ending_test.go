package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/node/env/grpcenv"
	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/service"
)

func TestSignals(t *testing.T) {
	for _, test := range []struct {
		name string
		at   []time.Duration // of the signals, after the start
		ends time.Duration   // 0: no end by a signal
	}{
		{"one", []time.Duration{0}, 0},
		{"the same again", []time.Duration{0, time.Millisecond, 900 * time.Millisecond}, 0},
		{"another", []time.Duration{0, 1200 * time.Millisecond}, 1200 * time.Millisecond},
		{"the same again, then another", []time.Duration{0, 10 * time.Millisecond, 5 * time.Second}, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start, begun, ended := time.Now(), false, time.Duration(0)
				e := &ending{begin: func() { begun = true }, exit: func(code int) {
					if ended = time.Since(start); code != 1 {
						t.Errorf("exit %d", code)
					}
				}}
				signals := make(chan os.Signal, 1)
				go e.follow(signals)
				for _, at := range test.at {
					<-time.After(at - time.Since(start))
					signals <- syscall.SIGTERM
					synctest.Wait()
				}
				close(signals)
				synctest.Wait()
				if !begun || ended != test.ends {
					t.Errorf("begun %v, ended at %v; want true, %v", begun, ended, test.ends)
				}
			})
		})
	}
}

// The cost of an end at once is counted on the host at that time.
func TestCost(t *testing.T) {
	if text := cost(nil); text != "" {
		t.Errorf("of no host: %q", text)
	}
	e, err := grpcenv.Listen(grpcenv.Options{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	cfg := member.Config{Replicas: 1, Stabilize: 50 * time.Millisecond}
	host, err := member.NewHost(cfg, e.Address(), e, member.Telemetry{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Crash()
	e.Serve(host, host, nil)
	if _, err := host.Start(1); err != nil {
		t.Fatal(err)
	}
	kv := service.NewKV(host, "test")
	for deadline := time.Now().Add(time.Minute); ; {
		_, err := kv.Put(t.Context(), &nodepb.PutRequest{Key: []byte("tide"), Value: []byte("high")})
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if text := cost(host); !strings.Contains(text, "1 member(s) had not left, and 1 key(s)") {
		t.Errorf("a host with a key: %q", text)
	}
	host.Crash()
	if text := cost(host); !strings.Contains(text, "all members had left") {
		t.Errorf("a host without members: %q", text)
	}
}
