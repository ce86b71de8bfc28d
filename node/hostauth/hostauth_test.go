package hostauth

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const testToken = "0123456789abcdef0123456789abcdee"

// clock is the time of a host.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newTestHost(c *clock) *Host {
	return NewHost(testToken, "host:7001", "run-1", c.now, mathrand.Uint64)
}

func challenged(t testing.TB, h *Host) *Session {
	t.Helper()
	sent := make([]byte, NonceBytes)
	rand.Read(sent)
	nonce, mac, err := h.Challenge(sent, h.address)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewKey(testToken).Prove(sent, h.address, nonce, h.Instance(), mac)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A proof is valid for one nonce, dialled address, instance and token: with any other it is
// refused.
func TestProof(t *testing.T) {
	c := &clock{time.Unix(1, 0)}
	h := newTestHost(c)
	sent, other := bytes.Repeat([]byte{1}, NonceBytes), bytes.Repeat([]byte{2}, NonceBytes)
	nonce, mac, err := h.Challenge(sent, "host:7001")
	if err != nil {
		t.Fatal(err)
	}
	key := NewKey(testToken)
	if _, err := key.Prove(sent, "host:7001", nonce, "run-1", mac); err != nil {
		t.Errorf("a true proof: %v", err)
	}
	for name, prove := range map[string]func() (*Session, error){
		"relayed by a host at another address": func() (*Session, error) { return key.Prove(sent, "evil:1", nonce, "run-1", mac) },
		"of another exchange":                  func() (*Session, error) { return key.Prove(other, "host:7001", nonce, "run-1", mac) },
		"for another instance":                 func() (*Session, error) { return key.Prove(sent, "host:7001", nonce, "run-2", mac) },
		"with another token":                   func() (*Session, error) { return NewKey("other").Prove(sent, "host:7001", nonce, "run-1", mac) },
		"a bare nonce":                         func() (*Session, error) { return key.Prove(sent, "host:7001", nonce, "run-1", nil) },
		"nothing at all":                       func() (*Session, error) { return key.Prove(sent, "host:7001", nil, "", nil) },
		"a boundary moved": func() (*Session, error) {
			return key.Prove(sent, "host:7001r", nonce, "un-1", mac)
		},
	} {
		if _, err := prove(); !errors.Is(err, ErrUnproven) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []struct {
		nonce   []byte
		address string
	}{{nil, "host:7001"}, {sent[1:], "host:7001"}, {append(other, 0), "host:7001"}, {sent, "evil:1"}, {sent, ""}} {
		if _, _, err := h.Challenge(bad.nonce, bad.address); err == nil {
			t.Errorf("a challenge with %d bytes for %q is answered", len(bad.nonce), bad.address)
		}
	}
}

// An envelope is a command as sent over the network.
type envelope struct {
	nonce   []byte
	counter uint64
	method  string
	request []byte
	mac     []byte
}

func sign(s *Session, method string, request []byte) envelope {
	nonce, counter, mac := s.Sign(method, request)
	return envelope{bytes.Clone(nonce), counter, method, bytes.Clone(request), mac}
}

func (e envelope) to(h *Host) error { return h.Verify(e.nonce, e.counter, e.method, e.request, e.mac) }

// Commands of any methods and bytes are delivered in any order, any number of times, altered in any
// bit or truncated, to the host or to another one. A host accepts a subsequence of what was signed
// for it, each command once.
func TestCommandsProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := &clock{time.Unix(1, 0)}
		h, another := newTestHost(c), newTestHost(c)
		s := challenged(t, h)
		var signed []envelope
		for range rapid.IntRange(1, 8).Draw(r, "commands") {
			signed = append(signed, sign(s, rapid.StringN(0, 9, -1).Draw(r, "method"), rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(r, "request")))
		}
		last := -1
		for range rapid.IntRange(1, 20).Draw(r, "deliveries") {
			i := rapid.IntRange(0, len(signed)-1).Draw(r, "which")
			e := signed[i]
			switch rapid.SampledFrom([]string{"as sent", "altered", "other host", "shifted"}).Draw(r, "how") {
			case "as sent":
				if err := e.to(h); (err == nil) != (i > last) {
					r.Fatalf("command %d after %d: %v", i, last, err)
				}
				last = max(last, i)
			case "altered":
				if altered := alter(r, e); altered.to(h) == nil {
					r.Fatalf("altered from %+v to %+v, and let through", e, altered)
				}
			case "other host":
				if err := e.to(another); !errors.Is(err, ErrNonce) {
					r.Fatalf("another host: %v", err)
				}
			case "shifted": // a byte from the method to the request: the same bytes one after the other
				if n := len(e.method); n > 0 {
					e.method, e.request = e.method[:n-1], append([]byte{e.method[n-1]}, e.request...)
					if e.to(h) == nil {
						r.Fatal("a command with a moved boundary is let through")
					}
				}
			}
		}
	})
}

// alter changes one bit of one field, or its length.
func alter(r *rapid.T, e envelope) envelope {
	e.nonce, e.request, e.mac = bytes.Clone(e.nonce), bytes.Clone(e.request), bytes.Clone(e.mac)
	method := []byte(e.method)
	field := rapid.SampledFrom([]*[]byte{&e.nonce, &method, &e.request, &e.mac}).Draw(r, "field")
	switch n := len(*field); {
	case rapid.Bool().Draw(r, "the counter"):
		e.counter += rapid.Uint64Range(1, 1<<63).Draw(r, "by")
	case n == 0 || rapid.Bool().Draw(r, "longer"):
		*field = append(*field, rapid.Byte().Draw(r, "byte"))
	case rapid.Bool().Draw(r, "shorter"):
		*field = (*field)[:n-1]
	default:
		(*field)[rapid.IntRange(0, n-1).Draw(r, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
	}
	e.method = string(method)
	return e
}

// A nonce is valid for ten minutes of the host's time, and not after a restart.
func TestNonceTTL(t *testing.T) {
	c := &clock{time.Unix(1, 0)}
	h := newTestHost(c)
	s := challenged(t, h)
	c.t = c.t.Add(NonceTTL - 1)
	if err := sign(s, "m", nil).to(h); err != nil {
		t.Errorf("just before its end: %v", err)
	}
	c.t = c.t.Add(1)
	if err := sign(s, "m", nil).to(h); !errors.Is(err, ErrNonce) {
		t.Errorf("at its end: %v", err)
	}
	s = challenged(t, h)
	if err := sign(s, "m", nil).to(newTestHost(c)); !errors.Is(err, ErrNonce) {
		t.Errorf("after a restart: %v", err)
	}
}

// A caller without the token cannot make a host store anything, whatever it sends; what a caller
// with the token takes of its memory is bounded, and is released again.
func TestSessionsAreBounded(t *testing.T) {
	c := &clock{time.Unix(1, 0)}
	h := newTestHost(c)
	for range 5 * maxSessions {
		s := challenged(t, h)
		e := sign(s, "m", nil)
		e.mac[0] ^= 1
		if err := e.to(h); !errors.Is(err, ErrMAC) {
			t.Fatal(err)
		}
	}
	if n := len(h.sessions); n != 0 {
		t.Errorf("%d sessions of a caller that cannot sign", n)
	}
	first := challenged(t, h)
	for i := range maxSessions {
		s := first
		if i > 0 {
			s = challenged(t, h)
		}
		if err := sign(s, "m", nil).to(h); err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
	}
	late := challenged(t, h)
	if err := sign(late, "m", nil).to(h); !errors.Is(err, ErrCrowded) {
		t.Errorf("one session too many: %v", err)
	}
	if err := sign(first, "m", nil).to(h); err != nil {
		t.Errorf("a session that is there: %v", err)
	}
	c.t = c.t.Add(NonceTTL)
	if err := sign(challenged(t, h), "m", nil).to(h); err != nil || len(h.sessions) != 1 {
		t.Errorf("after the others have expired: %v, %d sessions", err, len(h.sessions))
	}
}

// The encoding is as computed by another program: a controller of another implementation or version
// must compute the same.
func TestVector(t *testing.T) {
	key := NewKey("token")
	got := hex.EncodeToString(key.command([]byte("nonce"), 1, "/chord.v1.Host/SetFaults", []byte{1, 2}))
	const want = "f3c33f64f7c8796838d9e3be38550dcc9626b3f03811c612d29931f6858d49a1"
	if got != want {
		t.Errorf("MAC %s, want %s", got, want)
	}
}
