package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSignals(t *testing.T) {
	for _, test := range []struct {
		name string
		at   []time.Duration // of the signals, after the start
		ends time.Duration   // 0: no signal ends the program
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
