package chordevent

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"testing"
)

// TestBoundsAreNamed holds that the error about a number out of bounds names the bounds: what it names is accepted.
func TestBoundsAreNamed(t *testing.T) {
	bounds := regexp.MustCompile(`^int (?:from (\d+) to (\d+)|of (\d+) or more): .`)
	for _, c := range []struct {
		attr  string
		body  Body
		value int64
	}{
		{"chord.ring.bits", Started{"a:1", 160, 8, 3, 0}, 161},
		{"chord.ring.bits", Started{"a:1", 160, 8, 3, 0}, 1},
		{"chord.ring.successors", Started{"a:1", 160, 8, 3, 0}, 0},
		{"chord.ring.replicas", Started{"a:1", 160, 8, 3, 0}, 1 << 40},
		{"chord.event.seq", Left{}, 0},
		{"chord.node.incarnation", Left{}, -1},
		{"chord.load.bytes", NodeLoad{Load{}}, -1},
	} {
		t.Run(fmt.Sprint(c.attr, c.value), func(t *testing.T) {
			decode := func(n int64) error {
				rec := record(c.body)
				rec.Attributes().PutInt(c.attr, n)
				_, _, err := Decode(Source{}, rec)
				return err
			}
			var de *DecodeError
			if err := decode(c.value); !errors.As(err, &de) || de.Reason != ReasonRange {
				t.Fatalf("%v, want %s", err, ReasonRange)
			}
			found := bounds.FindStringSubmatch(de.Expected)
			if found == nil {
				t.Fatalf("%q names no bounds", de.Expected)
			}
			for _, text := range found[1:] {
				n, err := strconv.ParseInt(text, 10, 64)
				if text == "" || c.attr == "chord.ring.bits" && n < 160 {
					continue // of fewer bits the record's identifiers would have too many digits
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := decode(n); err != nil {
					t.Errorf("%q, and yet %d: %v", de.Expected, n, err)
				}
			}
		})
	}
}
