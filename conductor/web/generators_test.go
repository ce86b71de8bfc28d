package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// For every path and method, an unknown, misspelt, repeated or empty parameter is rejected, and nothing is done.
func TestNoRouteTakesUnknownParameters(t *testing.T) {
	s, control := newServer(t, func(c *Config) { c.Past = fakePast{} })
	routes := slices.DeleteFunc(s.table(), func(r route) bool { return r.probe })
	var known []string
	for _, r := range routes {
		for _, p := range r.params {
			known = append(known, p.name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(routes).Draw(t, "route")
		var own []string
		for _, p := range r.params {
			own = append(own, p.name)
		}
		name := rapid.OneOf(rapid.SampledFrom(known), rapid.StringMatching(`[a-zA-Z_]{1,8}`)).Draw(t, "name")
		if rapid.Bool().Draw(t, "in capitals") {
			name = strings.ToUpper(name)
		}
		query := name + "=1"
		if slices.Contains(own, name) {
			query = rapid.SampledFrom([]string{name + "=1&" + name + "=1", name + "=", name}).Draw(t, "query")
		} else if r.path == keysPath+"/{key}" && name == "key" {
			return // a key given twice has another error
		}
		path := strings.NewReplacer("{id}", "0a", "{key}", "k").Replace(r.path)
		answer := ask(s, r.method, path+"?"+query, "")
		if answer.StatusCode != http.StatusBadRequest || len(control.calls) > 0 {
			t.Fatalf("%s %s?%s: %d, did %q", r.method, path, query, answer.StatusCode, control.calls)
		}
	})
}

// A command that has no fields must reject a body that contains a field or is not a JSON object, and then nothing is
// done.
func TestNoRouteIgnoresABody(t *testing.T) {
	s, control := newServer(t, func(c *Config) { c.Past = fakePast{} })
	routes := slices.DeleteFunc(s.table(), func(r route) bool { return r.body != nil || r.method == "GET" })
	if len(routes) < 4 {
		t.Fatalf("%d commands without fields", len(routes))
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(routes).Draw(t, "route")
		body := rapid.OneOf(rapid.SampledFrom([]string{`{"for": "10s"}`, `{"force": true}`, `{}{}`, `[]`, `null`, `a value`}),
			rapid.Map(rapid.StringMatching(`[a-z_]{1,8}`), func(name string) string { return fmt.Sprintf(`{%q: 1}`, name) })).Draw(t, "body")
		path := strings.NewReplacer("{id}", strings.Repeat("0", 40), "{key}", "k", keysPath, keysPath+"/k").Replace(r.path)
		if answer := ask(s, r.method, strings.Replace(path, "/k/k", "/k", 1), body); answer.StatusCode != http.StatusBadRequest || len(control.calls) > 0 {
			t.Fatalf("%s %s with %s: %d, did %q", r.method, path, body, answer.StatusCode, control.calls)
		}
	})
}

// On rings of any size and for identifiers of any length: a text names the one member whose identifier begins with it,
// or is rejected with the members that match; a command finds only live members.
func TestPrefixesNameOneMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space, err := chord.NewSpace(rapid.SampledFrom([]int{3, 8, 15, 16, 20, 32, 33, 64, 160}).Draw(t, "bits"))
		if err != nil {
			t.Fatal(err)
		}
		digits := space.Digits()
		v := &ring.View{Bits: space.Bits()}
		byText := map[string]*ring.Member{}
		for range rapid.IntRange(0, 8).Draw(t, "members") {
			text := rapid.StringMatching(fmt.Sprintf(`[01]{%d}`, digits)).Draw(t, "identifier") // alike for some digits
			id, err := chord.ParseID(text)
			if err != nil {
				t.Fatal(err)
			}
			if byText[text] != nil || space.Format(id) != text {
				continue
			}
			byText[text] = &ring.Member{ID: id, Status: rapid.SampledFrom([]ring.MemberStatus{ring.Joining, ring.Active, ring.Leaving, ring.Left, ring.Failed, ring.Silent}).Draw(t, "status")}
			v.Members = append(v.Members, byText[text])
		}
		text := rapid.StringMatching(fmt.Sprintf(`[01]{0,%d}`, min(digits+1, 12))).Draw(t, "text")
		if len(v.Members) > 0 && rapid.Bool().Draw(t, "of a member") {
			text = space.Format(v.Members[0].ID)[:rapid.IntRange(0, digits).Draw(t, "digits")]
		}
		command := rapid.Bool().Draw(t, "command")
		least := map[bool]int{false: 4, true: 8}[command]
		var fit []string
		for name, m := range byText {
			if strings.HasPrefix(name, text) && !(command && (m.Status == ring.Left || m.Status == ring.Failed)) {
				fit = append(fit, name)
			}
		}
		found, wrong := member(v, strings.ToUpper(text), command)
		code := 0
		if wrong != nil {
			code = wrong.code
		}
		want := 0
		switch {
		case len(text) > digits, len(text) < min(least, digits):
			want = http.StatusBadRequest
		case len(text) == digits: // a whole identifier: its existence is not checked here
		case len(fit) == 0:
			want = http.StatusNotFound
		case len(fit) > 1:
			want = http.StatusConflict
		}
		if code != want || want == 0 && !strings.HasPrefix(space.Format(found), text) {
			t.Fatalf("%q among %q, command %t: %d %s, want %d", text, fit, command, code, space.Format(found), want)
		}
		if want == http.StatusConflict {
			slices.Sort(fit)
			candidates := slices.Sorted(slices.Values(wrong.candidates))
			if !slices.Equal(candidates, fit) {
				t.Fatalf("candidates of %q: %q, want %q", text, candidates, fit)
			}
		}
	})
}

// A key may have any bytes: in the path, each escaped or not where that is possible, or as a parameter.
func TestKeysAreAnyBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		key := string(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]byte("/.%?#&=+ a")), rapid.Byte()), 1, 40).Draw(rt, "key"))
		var path strings.Builder
		for _, c := range []byte(key) {
			plain := c >= 'a' && c <= 'z' || strings.IndexByte("/.=+&", c) >= 0
			if plain && rapid.Bool().Draw(rt, "plain") {
				path.WriteByte(c)
			} else {
				fmt.Fprintf(&path, "%%%02X", c)
			}
		}
		for _, at := range []string{keysPath + "/" + path.String(), keysPath + "?key=" + url.QueryEscape(key)} {
			s, control := newServer(t, nil)
			if r := ask(s, "GET", at, ""); r.StatusCode != http.StatusOK || len(control.calls) != 1 || control.calls[0] != "get "+key {
				rt.Fatalf("%s: %d, %q, want the key %q", at, r.StatusCode, control.calls, key)
			}
		}
	})
}

// A command's body has each field once, by its name: another spelling, or the field again, is rejected with its
// position, and nothing is done.
func TestBodiesHaveTheirFieldsOnce(t *testing.T) {
	bodies := []struct {
		method, path string
		fields       []string
	}{
		{"POST", "/api/nodes", []string{`"count": 2`, `"host": "host:1"`}},
		{"POST", "/api/nodes/0a/leave", []string{`"force": true`}},
		{"POST", "/api/nodes/0a/pause", []string{`"for": "2s"`}},
		{"POST", "/api/partitions", []string{`"groups": [["0a"]]`}},
		{"POST", "/api/lookups", []string{`"key": "a"`, `"mode": "recursive"`}},
		{"PUT", "/api/workload", []string{`"rate": 1`, `"reads": 0.5`, `"lookups": 0.5`, `"distribution": "zipf"`}},
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SampledFrom(bodies).Draw(rt, "command")
		fields := slices.Clone(b.fields)
		i := rapid.IntRange(0, len(fields)-1).Draw(rt, "field")
		name, value, _ := strings.Cut(fields[i], ": ")
		switch rapid.SampledFrom([]string{"twice", "in capitals", "by its first letter"}).Draw(rt, "wrong") {
		case "twice":
			fields = append(fields, fields[i])
		case "in capitals":
			fields[i] = strings.ToUpper(name) + ": " + value
		case "by its first letter":
			fields[i] = strings.ToUpper(name[:2]) + name[2:] + ": " + value
		}
		s, control := newServer(t, nil)
		r := ask(s, b.method, b.path, "{"+strings.Join(fields, ", ")+"}")
		if r.StatusCode != http.StatusBadRequest || len(control.calls) > 0 {
			rt.Fatalf("%s %s {%s}: %d, did %q", b.method, b.path, strings.Join(fields, ", "), r.StatusCode, control.calls)
		}
	})
}
