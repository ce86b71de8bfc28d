package otlpscan

import (
	"bytes"
	"fmt"
	"testing"

	"chordconductor/internal/yieldtest"
)

// A scan yields the more often the longer its body is, in both forms: events pass through half a dozen goroutines, and
// these must not wait for a scan. The test tolerates a few missing yields, since the garbage collector takes some.
func TestScansLetOthersRun(t *testing.T) {
	for _, values := range []int{1 << 15, 1 << 17} {
		protobuf := bytes.Repeat([]byte{0x0a, 0x00, 0x0a, 0x02, 0x0a, 0x00}, values/2) // resource logs, empty or with an empty resource
		json := []byte(`{"resourceLogs":[{}` + string(bytes.Repeat([]byte(`,{}`), values)) + `]}`)
		for name, scan := range map[string]func() (int64, error){
			"protobuf": func() (int64, error) { return Proto(Logs, protobuf) },
			"JSON":     func() (int64, error) { return JSON(Logs, json) },
		} {
			t.Run(fmt.Sprint(name, " ", values), func(t *testing.T) {
				var err error
				turns := yieldtest.During(t, func() { _, err = scan() })
				if err != nil {
					t.Fatal(err)
				}
				if want := values / stepsAtOnce / 2; turns < want {
					t.Errorf("others ran %d times, want %d", turns, want)
				}
			})
		}
	}
}
