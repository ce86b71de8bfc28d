package lookups

import "unsafe"

// MemorySize returns approximately the memory of a span.
func (s *Span) MemorySize() int64 {
	return int64(unsafe.Sizeof(*s)) + textSize(s.Outcome) + textSize(s.Err) + textSize(s.Mode) + textSize(s.Pointer) +
		int64(len(s.Path))*int64(unsafe.Sizeof(s.Key))
}

// MemorySize returns approximately the memory of a point.
func (p *Point) MemorySize() int64 {
	return int64(unsafe.Sizeof(*p)) + 8*int64(len(p.bounds)+len(p.buckets))
}

// MemorySize returns approximately the memory of a lookup.
func (l *Lookup) MemorySize() int64 {
	n := int64(unsafe.Sizeof(*l)) + textSize(l.Mode) + textSize(l.Err)
	for i := range l.Hops {
		n += int64(unsafe.Sizeof(l.Hops[i])) + textSize(l.Hops[i].Pointer)
	}
	return n
}

const (
	openSize   = int64(unsafe.Sizeof(open{})) + 150 // with its entry in the table
	seriesSize = int64(unsafe.Sizeof(series{})) + 50
)

// spanSize returns the memory of a span in a trace, whose list has spare capacity.
func spanSize(s *Span) int64 {
	return s.MemorySize() + int64(unsafe.Sizeof(*s))/2
}

func (s *series) size() int64 {
	return seriesSize + s.last.MemorySize() + 8*int64(len(s.rates))
}

// sizeAsSeries returns the memory of a series whose last point is p.
func (p *Point) sizeAsSeries() int64 { return seriesSize + p.MemorySize() + 8*int64(len(p.buckets)) }

// textSize returns the memory of a string's bytes, rounded up as the allocator rounds it.
func textSize(s string) int64 { return int64(len(s)+15) &^ 15 }
