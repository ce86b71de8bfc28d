package simtest

import (
	"flag"
	"fmt"
	"strings"
	"time"
)

var watchedKey = flag.Int("key", -1, "print what happens to the key of this number: its operations, its owners, and the replicas of each version")

// watchKey prints the owners of the watched key and the replicas of each version, at every millisecond that changes
// them.
func (o *oracle) watchKey() {
	if *watchedKey < 0 {
		return
	}
	o.r.w.At(0, func() { o.lookAtKey("") })
}

func (o *oracle) lookAtKey(before string) {
	now := o.keyState()
	if now != before {
		o.trace("%s", now)
	}
	o.r.w.At(time.Millisecond, func() { o.lookAtKey(now) })
}

func (o *oracle) keyState() string {
	var b strings.Builder
	key := keyName(*watchedKey)
	for _, h := range o.r.hosts {
		for _, m := range h.Members() {
			k := keeperOf(m)
			held := k.Held(key)
			owns := k.Owns(h.Space().Hash(key))
			if !owns && held == 0 {
				continue
			}
			fmt.Fprintf(&b, "  %s/%.6s", h.addr, h.Space().Format(m.Self().ID))
			if owns {
				fmt.Fprintf(&b, " owns (epoch %d)", k.Ownership().Epoch)
			}
			if held > 0 {
				fmt.Fprintf(&b, " v%d", held%10000000)
			}
		}
	}
	return b.String()
}

// traceKey prints an operation on key n if n is the watched key.
func (o *oracle) traceKey(n int, format string, args ...any) {
	if n == *watchedKey {
		o.trace(format, args...)
	}
}

func (o *oracle) trace(format string, args ...any) {
	fmt.Printf("%s %s\n", o.r.w.Now().Format("04:05.000"), fmt.Sprintf(format, args...))
}
