package otlpscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// reference finds the depth of a protobuf body as simply as it can be said: by recursion, with another library's wire
// format. ok is false for a body that breaks off or whose fields have the wrong type.
func reference(k kind, body []byte) (values, groups int, ok bool) {
	for len(body) > 0 {
		number, wire, n := protowire.ConsumeTag(body)
		if n < 0 {
			return values, groups, false
		}
		body = body[n:]
		c := schema[k].childOf(uint64(number))
		if wire == protowire.StartGroupType {
			g, n, ok := referenceGroup(body)
			groups = max(groups, g+1)
			if !ok || c.kind.isMessage() {
				return values, groups, false
			}
			body = body[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, wire, body); n < 0 || c.kind.isMessage() && wire != protowire.BytesType {
			return values, groups, false
		}
		if c.kind.isMessage() {
			inner, _ := protowire.ConsumeBytes(body)
			v, g, ok := reference(c.kind, inner)
			if c.kind == anyValue {
				v++
			}
			values, groups = max(values, v), max(groups, g)
			if !ok {
				return values, groups, false
			}
		}
		body = body[n:]
	}
	return values, groups, true
}

// referenceGroup finds the depth and the length of a group's content, its end included. Like the decoders it does not
// compare the numbers of its beginning and its end.
func referenceGroup(body []byte) (depth, length int, ok bool) {
	for at := body; len(at) > 0; {
		number, wire, n := protowire.ConsumeTag(at)
		if n < 0 {
			return depth, 0, false
		}
		at = at[n:]
		length += n
		switch wire {
		case protowire.EndGroupType:
			return depth, length, true
		case protowire.StartGroupType:
			d, m, ok := referenceGroup(at)
			if depth = max(depth, d+1); !ok {
				return depth, 0, false
			}
			n = m
		default:
			if n = protowire.ConsumeFieldValue(number, wire, at); n < 0 {
				return depth, 0, false
			}
		}
		at = at[n:]
		length += n
	}
	return depth, 0, false
}

func seeds(f *testing.F, add func(signal byte, pb, js []byte)) {
	f.Helper()
	for _, p := range places() {
		for _, levels := range []int{1, MaxDepth, MaxDepth + 1} {
			q := p.make(fillTo(levels))
			pb, err := q.MarshalProto()
			if err != nil {
				f.Fatal(err)
			}
			js, err := q.MarshalJSON()
			if err != nil {
				f.Fatal(err)
			}
			add(byte(p.signal), pb, js)
		}
	}
}

// FuzzProto compares the scan with the reference and with the decoder: it passes what they pass, and nothing else.
func FuzzProto(f *testing.F) {
	seeds(f, func(signal byte, pb, _ []byte) { f.Add(signal, pb) })
	f.Add(byte(0), bytes.Repeat([]byte{0x7b}, 65))
	f.Fuzz(func(t *testing.T, signal byte, body []byte) {
		s := Signal(signal % 3)
		_, err := Proto(s, body)
		values, groups, whole := reference(s.root(), body)
		deep := values > MaxDepth || groups > MaxDepth
		switch {
		case errors.Is(err, ErrDeep):
			if !deep {
				t.Fatalf("called deep, with %d levels of values and %d of groups", values, groups)
			}
			return
		case err == nil && deep:
			t.Fatalf("passed, with %d levels of values and %d of groups", values, groups)
		case errors.Is(err, ErrMalformed) && whole && !deep:
			t.Fatal("called malformed, and the reference reads it")
		}
		q := empty(s)
		decoded := !deep && q.UnmarshalProto(body) == nil
		if !decoded {
			return
		}
		if err != nil {
			t.Fatalf("%v, and the decoder takes it", err)
		}
		js, err := q.MarshalJSON()
		if err != nil || !json.Valid(js) {
			return // a number that JSON does not have
		}
		if _, err := JSON(s, js); err != nil {
			t.Fatalf("passed as protobuf, and as JSON %v: %s", err, js)
		}
	})
}

// FuzzJSON holds the scan against the decoder, which must not find more than 64 levels in what passes, and must not take
// what is called malformed unless JSON's own rules forbid it.
func FuzzJSON(f *testing.F) {
	seeds(f, func(signal byte, _, js []byte) { f.Add(signal, js) })
	f.Add(byte(0), []byte(`{"resourceLogs":[{"resource":{"attributes":[{"value":{"bytesValue":"\","arrayValue":{"values":[{}]}}}]}}]}`))
	f.Fuzz(func(t *testing.T, signal byte, body []byte) {
		s := Signal(signal % 3)
		_, err := JSON(s, body)
		if errors.Is(err, ErrDeep) {
			if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= MaxDepth {
				t.Fatal("called deep, with few brackets")
			}
			return
		}
		if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) > 5000 {
			return // more than the decoder survives
		}
		q := empty(s)
		decoded := q.UnmarshalJSON(body)
		if err != nil {
			if decoded == nil && json.Valid(body) && !bytes.Contains(body, []byte(`""`)) {
				t.Fatalf("called malformed, and the decoder takes it")
			}
			return
		}
		if !json.Valid(body) {
			t.Fatal("passed, and it is no JSON")
		}
		if decoded != nil {
			return
		}
		pb, err := q.MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Proto(s, pb); err != nil {
			t.Fatalf("passed as JSON, and as protobuf %v", err)
		}
	})
}
