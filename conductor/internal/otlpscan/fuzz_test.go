package otlpscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// reference finds the depth of a protobuf body in the simplest way: by recursion, with another library's wire format.
// ok is false for a body that is incomplete, that has a group, or whose fields have the wrong type.
func reference(k kind, body []byte) (values int, ok bool) {
	for len(body) > 0 {
		number, wire, n := protowire.ConsumeTag(body)
		if n < 0 || wire == protowire.StartGroupType {
			return values, false
		}
		body = body[n:]
		c := schema[k].childOf(uint64(number))
		if n = protowire.ConsumeFieldValue(number, wire, body); n < 0 || c.kind.isMessage() && wire != protowire.BytesType {
			return values, false
		}
		if c.kind.isMessage() {
			inner, _ := protowire.ConsumeBytes(body)
			v, ok := reference(c.kind, inner)
			if c.kind == anyValue {
				v++
			}
			if values = max(values, v); !ok {
				return values, false
			}
		}
		body = body[n:]
	}
	return values, true
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

// FuzzProto compares the scan with the reference and with the decoder: the scan accepts what the reference reads within
// the bound, and what the decoder makes of an accepted body is within the bound, too.
func FuzzProto(f *testing.F) {
	seeds(f, func(signal byte, pb, _ []byte) { f.Add(signal, pb) })
	f.Add(byte(0), bytes.Repeat([]byte{0x7b}, 65))
	f.Fuzz(func(t *testing.T, signal byte, body []byte) {
		s := Signal(signal % 3)
		_, err := Proto(s, body)
		values, whole := reference(s.root(), body)
		deep := values > MaxDepth
		switch {
		case errors.Is(err, ErrDeep):
			if !deep {
				t.Fatalf("rejected as deep, with %d levels of values", values)
			}
			return
		case err == nil && deep:
			t.Fatalf("passed, with %d levels of values", values)
		case err != nil && whole && !deep:
			t.Fatal("rejected as malformed, and the reference reads it")
		}
		q := empty(s)
		if err != nil || q.UnmarshalProto(body) != nil {
			return
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

// FuzzJSON compares the scan with the decoder, which must not find more than 64 levels in what the scan accepts, and
// must not accept what the scan rejects as malformed unless JSON's own rules forbid it.
func FuzzJSON(f *testing.F) {
	seeds(f, func(signal byte, _, js []byte) { f.Add(signal, js) })
	f.Add(byte(0), []byte(`{"resourceLogs":[{"resource":{"attributes":[{"value":{"bytesValue":"\","arrayValue":{"values":[{}]}}}]}}]}`))
	f.Fuzz(func(t *testing.T, signal byte, body []byte) {
		s := Signal(signal % 3)
		_, err := JSON(s, body)
		if errors.Is(err, ErrDeep) {
			if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= MaxDepth {
				t.Fatal("rejected as deep, with few brackets")
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
				t.Fatalf("rejected as malformed, and the decoder accepts it")
			}
			return
		}
		if !json.Valid(body) {
			t.Fatal("passed, and it is not JSON")
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
