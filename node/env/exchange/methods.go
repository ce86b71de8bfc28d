package exchange

import (
	"strings"

	"google.golang.org/grpc"

	"chordconductor/node/nodepb"
)

// Version is the version of the protocol of streams. A host that does not have it serves single calls.
const Version = 1

const (
	// MaxMessage bounds a request or an answer: above the greatest value (1 MiB) and the greatest chunk of a handoff.
	MaxMessage = 8 << 20
	// MaxFrame bounds a gRPC message: one message, those that are sent with it, and what surrounds them.
	MaxFrame = MaxMessage + 256<<10

	largeMessage = 64 << 10 // above this a message goes over the second stream
)

// numbers are the methods that pass over a stream, by gRPC's full name; names is the reverse.
var (
	numbers = map[string]nodepb.Method{}
	names   = map[nodepb.Method]string{}
)

func init() {
	for _, service := range []grpc.ServiceDesc{nodepb.Ring_ServiceDesc, nodepb.Keys_ServiceDesc} {
		for _, m := range service.Methods {
			full := "/" + service.ServiceName + "/" + m.MethodName
			n, ok := nodepb.Method_value["METHOD_"+upperSnake(m.MethodName)]
			if !ok {
				panic("exchange: " + full + " has no number in exchange.proto")
			}
			numbers[full], names[nodepb.Method(n)] = nodepb.Method(n), full
		}
	}
}

// upperSnake is FindNext as FIND_NEXT.
func upperSnake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String())
}

// largeAnswers reports whether a method's answer may need the second stream: it is one of Keys.
func largeAnswers(m nodepb.Method) bool { return m >= nodepb.Method_METHOD_APPLY }

// notRepeated reports whether a call is not made once more over a new stream: a write states that it is a repetition,
// which only its caller can.
func notRepeated(m nodepb.Method) bool { return m == nodepb.Method_METHOD_APPLY }
