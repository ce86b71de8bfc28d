package member

import (
	"fmt"
	"testing"
)

// The error of `speaks` names exactly the range of versions for which `speaks` returns nil.
func TestVersionsThatWork(t *testing.T) {
	for version := range uint32(Version + 10) {
		err := speaks(version)
		spoken := max(version, 1) // version 1 sent none
		if works := spoken+1 >= Version && spoken <= Version+1; works != (err == nil) {
			t.Errorf("version %d: %v", version, err)
		}
		if err == nil {
			continue
		}
		var peer, own, least, most uint32
		if _, e := fmt.Sscanf(err.Error(), "the peer speaks protocol version %d, this host %d, which works with %d to %d", &peer, &own, &least, &most); e != nil {
			t.Fatalf("%v: %v", err, e)
		}
		if peer != spoken || own != Version || speaks(least) != nil || speaks(most) != nil || least > 1 && speaks(least-1) == nil || speaks(most+1) == nil {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
