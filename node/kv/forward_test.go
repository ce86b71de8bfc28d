package kv

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// answers answers every operation with one answer, and keeps the request.
type answers struct {
	nodepb.KeysServer
	answer *nodepb.ApplyResponse
	asked  *nodepb.ApplyRequest
}

func (a *answers) Apply(_ context.Context, q *nodepb.ApplyRequest) (*nodepb.ApplyResponse, error) {
	a.asked = q
	return proto.CloneOf(a.answer), nil
}

// TestForwardKeepsEverything: a member that forwards an operation passes on each field of the request, and each field of
// the answer, also those that the protocol may get later. Once it dropped the replicas that an acknowledgement names.
func TestForwardKeepsEverything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, w := wideSpace(), newFakeWorld()
		self, owner := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: s.FromUint64(2), Addr: "b", Incarnation: 1}
		k, _ := w.add(t, terms.Ownership{Owner: self}, Config{Space: s, Replicas: 1, CallTries: 1}, owner)
		k.own.Table.Learn(terms.Ownership{Owner: owner, From: owner.ID, Epoch: 1}, w.Now())
		other := &answers{answer: &nodepb.ApplyResponse{}}
		w.others = map[string]nodepb.KeysServer{"b": other}
		fill(rt, other.answer.ProtoReflect(), 2)
		q := &nodepb.ApplyRequest{}
		fill(rt, q.ProtoReflect(), 1)
		q.Operation = rapid.SampledFrom([]nodepb.ApplyRequest_Operation{opPut, opGet, opDelete}).Draw(rt, "operation")
		q.Key, q.RequestId = []byte("k"), make([]byte, requestIDSize)
		q.TtlMillis, q.Forwards, q.Floor, q.Released = 5, 1, 7, ""
		got, err := k.Apply(t.Context(), q)
		if err != nil {
			rt.Fatal(err)
		}
		want := proto.CloneOf(other.answer)
		want.Reply = got.Reply
		if got.Reply.GetSelf().GetAddress() != self.Addr || !proto.Equal(got, want) {
			rt.Errorf("answered %v, passed on as %v", other.answer, got)
		}
		sent := proto.CloneOf(q)
		sent.Call, sent.Forwards = other.asked.Call, q.Forwards+1
		if !proto.Equal(other.asked, sent) {
			rt.Errorf("asked %v, forwarded as %v", q, other.asked)
		}
	})
}

// fill sets all fields of a message, and of those in it to a depth, to values other than zero.
func fill(t *rapid.T, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		n := rapid.Int64Range(1, 100).Draw(t, string(f.Name()))
		if f.Kind() == protoreflect.MessageKind && depth == 0 {
			continue
		}
		if f.IsList() {
			list := m.Mutable(f).List()
			for range rapid.IntRange(1, 3).Draw(t, "entries") {
				if f.Kind() == protoreflect.MessageKind {
					fill(t, list.AppendMutable().Message(), depth-1)
				} else {
					list.Append(value(f, n))
				}
			}
			continue
		}
		if f.Kind() == protoreflect.MessageKind {
			fill(t, m.Mutable(f).Message(), depth-1)
		} else {
			m.Set(f, value(f, n))
		}
	}
}

// value is a value of a scalar field.
func value(f protoreflect.FieldDescriptor, n int64) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n%5 + 1))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(rune('a' + n%26)))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{byte(n)})
	}
	panic("a field of an unknown kind: " + f.Kind().String())
}
