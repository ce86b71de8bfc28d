package otlpscan

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// An error names the place: that of the first byte that is not valid JSON there, or the beginning of the name, string
// or number around it.
func TestErrorsNameThePlace(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 3))
	const longest = 64 // bytes of a string in these requests, at least
	for _, p := range places() {
		js, err := p.make(fillTo(1 + random.IntN(MaxDepth))).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for range 50 {
			at := random.IntN(len(js))
			broken := append([]byte{}, js...)
			broken[at] = 1
			_, err := JSON(p.signal, broken)
			var place int
			if err == nil {
				t.Fatalf("%s: a control character passed at byte %d of %s", p.name, at, js)
			}
			if _, scanned := fmt.Sscanf(err.Error()[strings.LastIndex(err.Error(), " ")+1:], "%d", &place); scanned != nil || place > at || place < at-longest {
				t.Errorf("%s: %v, and it is broken at byte %d: %s", p.name, err, at, js)
			}
		}
		pb, err := p.make(fillTo(MaxDepth + 1)).MarshalProto()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Proto(p.signal, pb); err == nil || !strings.Contains(err.Error(), "at byte ") {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}
