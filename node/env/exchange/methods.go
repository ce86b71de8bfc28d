package exchange

import (
	"strings"

	"google.golang.org/grpc"

	"chordconductor/node/nodepb"
)

// Version is the version of the protocol of streams. A host of another version serves only unary
// calls.
const Version = 1

const (
	// MaxMessage bounds a request or an answer, in bytes: it is above the greatest value (1 MiB)
	// and the greatest chunk of a handoff.
	MaxMessage = 8 << 20
	// MaxFrame bounds a gRPC message, in bytes: one request or answer of MaxMessage, smaller ones
	// that are sent together with it, and their encoding.
	MaxFrame = MaxMessage + 256<<10

	maxHeader    = 16 << 10 // bytes of a call's header
	maxError     = 4 << 10  // bytes; a longer text of an answer's status is cut
	largeMessage = 64 << 10 // bytes; a larger message goes over the second stream
)

// numbers has the methods that streams carry, by gRPC's full name. names is its inverse.
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

// upperSnake returns FIND_NEXT for FindNext.
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

// largeAnswers reports whether a method's answer may need the second stream: a method of the
// service Keys.
func largeAnswers(m nodepb.Method) bool { return m >= nodepb.Method_METHOD_APPLY }

// notRepeated reports whether a call is not repeated after its stream broke: a repeated write is
// marked as a repetition, and only its caller can do this.
func notRepeated(m nodepb.Method) bool { return m == nodepb.Method_METHOD_APPLY }

// acceptedKey is in the header that a host sends when it accepts a stream. It proves that a host of
// this protocol is there, and not only a proxy.
const acceptedKey = "chord-exchange"

// sizeOf returns the size of a header in bytes.
func sizeOf(header []string) (size int) {
	for _, text := range header {
		size += len(text)
	}
	return size
}
