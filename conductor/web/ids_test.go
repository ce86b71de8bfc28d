package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// TestMembersByPrefix identifies members of a ring of 160 bits by prefixes of their identifiers.
func TestMembersByPrefix(t *testing.T) {
	id := func(text string) chord.ID {
		id, err := chord.ParseID(text + strings.Repeat("7", 40-len(text)))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	v := &ring.View{Bits: 160, Members: []*ring.Member{
		{ID: id("00000000a1"), Status: ring.Active}, {ID: id("00000000a2"), Status: ring.Active},
		{ID: id("abcd1234"), Status: ring.Active}, {ID: id("abce1234"), Status: ring.Failed}, {ID: id("abce12345"), Status: ring.Silent},
	}}
	whole := func(text string) string { return fmt.Sprintf("%x", id(text)) }
	for _, test := range []struct {
		text          string
		read, command int // statuses; 0: found
	}{
		{whole("abcd1234"), 0, 0},
		{strings.ToUpper(whole("abcd1234")), 0, 0},
		{"abcd", 0, http.StatusBadRequest},
		{"abcd123", 0, http.StatusBadRequest},
		{"abcd1234", 0, 0},
		{"abce1234", http.StatusConflict, 0}, // of the two one has failed
		{"abce123477", 0, http.StatusNotFound},
		{"abc", http.StatusBadRequest, http.StatusBadRequest},
		{"0", http.StatusBadRequest, http.StatusBadRequest}, // not the member 000…0
		{"00000000a", http.StatusConflict, http.StatusConflict},
		{"00000000a1", 0, 0},
		{"ffffffff", http.StatusNotFound, http.StatusNotFound},
		{"abcd12xx", http.StatusBadRequest, http.StatusBadRequest},
		{whole("abcd1234") + "7", http.StatusBadRequest, http.StatusBadRequest},
		{"", http.StatusBadRequest, http.StatusBadRequest},
	} {
		for command, want := range map[bool]int{false: test.read, true: test.command} {
			found, err := member(v, test.text, command)
			code := 0
			if err != nil {
				code = err.code
			}
			if code != want || code == 0 && !strings.HasPrefix(fmt.Sprintf("%x", found), strings.ToLower(test.text)) {
				t.Errorf("%q, command %v: %x %v, want %d", test.text, command, found, err, want)
			}
			if (want == http.StatusConflict) != (err != nil && len(err.candidates) == 2) {
				t.Errorf("%q, command %v: %+v", test.text, command, err)
			}
		}
	}
}

// TestParameters: unknown, repeated and empty parameters are rejected.
func TestParameters(t *testing.T) {
	s, _ := newServer(t, func(c *Config) { c.Past = fakePast{} })
	for path, want := range map[string]string{
		"/api/ring?a=1":                                  `unknown parameter "a"; allowed here: at`,
		"/api/ring?at=":                                  "at: empty",
		"/api/ring?at=1&at=2":                            "at: given 2 times",
		"/api/stats?at=2026-05-04T03:02:01Z":             `unknown parameter "at": this path has none`,
		"/api/events?limits=3":                           `unknown parameter "limits"; allowed here: after, limit, since, until, kind, repeats`,
		"/api/events?kind=chord.node.joined":             "kind: allowed only with since or until",
		"/api/events?after=1&until=2026-05-04T03:02:01Z": "after: not allowed with since or until; set one of the three",
		"/api/lookups?key=a":                             `unknown parameter "key"; allowed here: limit`,
		"/api/keys/a?tll=3s":                             `unknown parameter "tll"; allowed here: key`,
		"/api/keys/a?key=b":                              `key: named by the path, "a", and by ?key=; give one`,
		"/api/keys/":                                     "key: expected 1 to 1024 bytes, got 0",
		"/api/keys":                                      "key: expected 1 to 1024 bytes, got 0",
		"/api/ring?%zz":                                  `cannot parse the query: invalid URL escape "%zz"`,
	} {
		r := ask(s, "GET", path, "")
		if got := complaint(t, r); r.StatusCode != http.StatusBadRequest || got != want {
			t.Errorf("%s: %d %s, want %s", path, r.StatusCode, got, want)
		}
	}
}

// TestKeysAreBytes: a key is exactly what was sent, and is not cleaned like a path.
func TestKeysAreBytes(t *testing.T) {
	for path, want := range map[string]string{
		"/api/keys/a": "a", "/api/keys/a//b": "a//b", "/api/keys/a/../b": "a/../b", "/api/keys/../ring": "../ring", "/api/keys/.": ".", "/api/keys//": "/",
		"/api/keys/a%2Fb": "a/b", "/api/keys/%00%ff": "\x00\xff", "/api/keys/a+b": "a+b", "/api/keys?key=a%2F%2Fb": "a//b", "/api/keys/a%3Fb": "a?b",
	} {
		s, control := newServer(t, nil)
		if r := ask(s, "GET", path, ""); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", path, r.StatusCode, text(t, r))
		}
		if len(control.calls) != 1 || control.calls[0] != fmt.Sprint("get", " ", want) {
			t.Errorf("%s: %q, want %q", path, control.calls, want)
		}
	}
}

// TestFaultsAreReadBack: the API lists the faults that are in force, and a command that failed after partial execution
// answers with what it has done.
func TestFaultsAreReadBack(t *testing.T) {
	s, control := newServer(t, nil)
	if got := text(t, ask(s, "GET", "/api/partitions", "")); got != `{"faults":[{"kind":"partition","from":["h1:1"],"ids":["0a"]}]}`+"\n" {
		t.Errorf("%s", got)
	}
	control.fail = deploy.ErrUnavailable
	r := ask(s, "POST", "/api/nodes", `{"count": 2}`)
	var got struct {
		Error string
		IDs   []string
	}
	if err := json.Unmarshal([]byte(text(t, r)), &got); err != nil || r.StatusCode != http.StatusServiceUnavailable || got.Error == "" || len(got.IDs) != 2 {
		t.Errorf("%d %+v %v", r.StatusCode, got, err)
	}
}
