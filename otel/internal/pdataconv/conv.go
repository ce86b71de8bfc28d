// Package pdataconv converts OpenTelemetry API attributes to Collector data, as an OTLP exporter
// and a receiver together would. Only the in-memory pipeline of package otel and tests call it;
// real networks do not need it.
package pdataconv

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
)

// Put adds an attribute to a map.
func Put(m pcommon.Map, kv attribute.KeyValue) { put(m.PutEmpty(string(kv.Key)), kv.Value) }

func put(dst pcommon.Value, v attribute.Value) {
	switch v.Type() {
	case attribute.BOOL:
		dst.SetBool(v.AsBool())
	case attribute.INT64:
		dst.SetInt(v.AsInt64())
	case attribute.FLOAT64:
		dst.SetDouble(v.AsFloat64())
	case attribute.STRING:
		dst.SetStr(v.AsString())
	case attribute.BYTESLICE:
		dst.SetEmptyBytes().FromRaw(v.AsByteSlice())
	case attribute.BOOLSLICE:
		each(dst, v.AsBoolSlice(), pcommon.Value.SetBool)
	case attribute.INT64SLICE:
		each(dst, v.AsInt64Slice(), pcommon.Value.SetInt)
	case attribute.FLOAT64SLICE:
		each(dst, v.AsFloat64Slice(), pcommon.Value.SetDouble)
	case attribute.STRINGSLICE:
		each(dst, v.AsStringSlice(), pcommon.Value.SetStr)
	case attribute.SLICE:
		each(dst, v.AsSlice(), put)
	case attribute.MAP:
		m := dst.SetEmptyMap()
		for _, kv := range v.AsMap() {
			Put(m, kv)
		}
	}
}

func each[T any](dst pcommon.Value, list []T, set func(pcommon.Value, T)) {
	out := dst.SetEmptySlice()
	out.EnsureCapacity(len(list))
	for _, v := range list {
		set(out.AppendEmpty(), v)
	}
}
