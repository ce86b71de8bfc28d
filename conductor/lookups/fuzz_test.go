package lookups

import (
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Whatever is sent as metrics, the rates computed from them are numbers.
func FuzzMetrics(f *testing.F) {
	data, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(histogram("a", t0, t0.Add(10*time.Second), 5, 6, 7))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(data)
		if err != nil {
			return
		}
		r := NewRates(0)
		now := t0.Add(10 * time.Second)
		for _, p := range DecodeMetrics(md) {
			r.Add(p, now)
		}
		rate, p50, p99, _ := r.Now(now)
		if rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) || p50 < 0 || p99 < 0 {
			t.Fatalf("%v lookups per second, median %v, p99 %v", rate, p50, p99)
		}
	})
}
