package otlpscan

import (
	"testing"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltraces "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The schema is OTLP's own: each field of OTLP's messages is in it, by its number and both of its names, with its kind.
// A message that the scan did not enter could hide any depth.
func TestTheSchemaIsOTLPs(t *testing.T) {
	seen := map[kind]bool{}
	var compare func(kind, protoreflect.MessageDescriptor)
	compare = func(k kind, m protoreflect.MessageDescriptor) {
		if seen[k] {
			return
		}
		seen[k] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			c := schema[k].childOf(uint64(f.Number()))
			if snake, camel := schema[k].names[string(f.Name())], schema[k].names[f.JSONName()]; snake != c || camel != c {
				t.Errorf("%s: in JSON it is another field than number %d", f.FullName(), f.Number())
			}
			if inner := f.Message(); inner != nil {
				if !c.kind.isMessage() || c.repeated != f.IsList() {
					t.Errorf("%s: kind %d, repeated %t", f.FullName(), c.kind, c.repeated)
					continue
				}
				compare(c.kind, inner)
				continue
			}
			if want := scalarOf(f); c.kind != want || c.repeated {
				t.Errorf("%s: kind %d, want %d", f.FullName(), c.kind, want)
			}
		}
	}
	compare(logsRequest, new(collogs.ExportLogsServiceRequest).ProtoReflect().Descriptor())
	compare(tracesRequest, new(coltraces.ExportTraceServiceRequest).ProtoReflect().Descriptor())
	compare(metricsRequest, new(colmetrics.ExportMetricsServiceRequest).ProtoReflect().Descriptor())
	for k := anyValue; k < kinds; k++ {
		if !seen[k] {
			t.Errorf("message %d is none of OTLP's", k)
		}
	}
}

// scalarOf returns the kind of a field that is not a message.
func scalarOf(f protoreflect.FieldDescriptor) kind {
	switch f.Kind() {
	case protoreflect.StringKind:
		if f.IsList() {
			return texts
		}
		return text
	case protoreflect.BytesKind:
		return slice
	case protoreflect.BoolKind:
		return flag
	case protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return int32s
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return uint32s
	case protoreflect.DoubleKind:
		if f.IsList() {
			return doubles
		}
		return double
	case protoreflect.Fixed64Kind:
		if f.IsList() {
			return fixeds
		}
		return uint64s
	case protoreflect.Uint64Kind:
		if f.IsList() {
			return varints
		}
		return uint64s
	}
	return int64s
}
