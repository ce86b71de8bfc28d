package otlpscan

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A field that OTLP does not have may nest as deep as values, wherever it is. If it nests deeper, the error is about
// such a field, not about values.
func TestDeepUnknownFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SampledFrom([]int{1, 2, MaxDepth - 1, MaxDepth, MaxDepth + 1, MaxDepth + 2, 1000}).Draw(t, "levels")
		begin, end := "", ""
		for range levels {
			b := rapid.SampledFrom([][2]string{{"[", "]"}, {`{"x":`, "}"}, {`{ "values" : `, " }"}, {`[1,`, "]"}}).Draw(t, "bracket")
			begin, end = begin+b[0], b[1]+end
		}
		values := rapid.IntRange(1, MaxDepth).Draw(t, "values around it")
		around := rapid.SampledFrom([][2]string{
			{``, ``}, {`"resourceLogs":[{`, `}]`}, {`"resourceLogs":[{"scopeLogs":[{"logRecords":[{`, `}]}]}]`},
			{
				`"resourceLogs":[{"resource":{"attributes":[{"value":{` + strings.Repeat(`"arrayValue":{"values":[{`, values-1),
				strings.Repeat(`}]}`, values-1) + `}}]}}]`,
			},
		}).Draw(t, "around")
		_, err := JSON(Logs, []byte("{"+around[0]+`"unknown":`+begin+`0`+end+around[1]+"}"))
		switch {
		case levels <= MaxDepth && err != nil:
			t.Fatalf("%d levels: %v", levels, err)
		case levels > MaxDepth && (!errors.Is(err, ErrDeep) || !strings.Contains(err.Error(), "field that OTLP does not have") || strings.Contains(err.Error(), "attribute")):
			t.Fatalf("%d levels: %v", levels, err)
		}
	})
}
