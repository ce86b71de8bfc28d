package otlpscan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
)

// MaxDepth is how many levels deep attribute values may nest: the value of an attribute is on the first level.
const MaxDepth = 64

var (
	// ErrDeep means that values, or fields that the schema does not have, nest deeper than MaxDepth. errors.Is finds it
	// in both cases.
	ErrDeep = errors.New("attribute values are nested more than 64 levels deep")
	// ErrMalformed means that a body is not in its declared format.
	ErrMalformed = errors.New("the body is malformed")
)

// maxFrames is the depth of the deepest message: a value in a list of pairs takes three messages, and those around the
// first value fewer than 16.
const maxFrames = 3*MaxDepth + 16

// stepsAtOnce is how many steps a scan takes, in some 200 µs, before it yields. A scan of megabytes would otherwise
// keep its processor for 10 ms, until the scheduler takes it away; an event passes through half a dozen goroutines, and
// would wait so long in each.
const stepsAtOnce = 1 << 14

// A textCost is the memory that a string takes beyond its bytes: for rounding, and for its header if a slice holds it.
const textCost = 16

// A frame is a message that contains the scan's position.
type frame struct {
	end  int
	kind kind
}

// located adds the place to an error of a scan, so that the sender can find it.
func located(err error, pos int) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w, at byte %d", err, pos)
}

// Proto scans the protobuf form of a request. It returns the memory that the decoded request takes, as an upper estimate
// in bytes.
func Proto(signal Signal, body []byte) (memory int64, err error) {
	memory, pos, err := scanProto(signal, body)
	return memory, located(err, pos)
}

// scanProto also returns the place of an error.
func scanProto(signal Signal, body []byte) (memory int64, pos int, err error) {
	var stack [maxFrames]frame
	top, depth := 0, 0
	stack[0] = frame{len(body), signal.root()}
	memory = schema[stack[0].kind].cost
	for steps := 1; ; steps++ {
		if steps%stepsAtOnce == 0 {
			runtime.Gosched()
		}
		for pos == stack[top].end {
			if stack[top].kind == anyValue {
				depth--
			}
			if top == 0 {
				return memory, pos, nil
			}
			top--
		}
		end := stack[top].end
		tag, n := uvarint(body[pos:end])
		if n <= 0 || int32(tag>>3) <= 0 {
			return memory, pos, ErrMalformed
		}
		pos += n
		c := schema[stack[top].kind].childOf(uint64(int32(tag >> 3)))
		if tag&7 != wireLen {
			if c.kind.isMessage() {
				return memory, pos, ErrMalformed
			}
			if c.kind == varints || c.kind == fixeds || c.kind == doubles {
				memory += 16
			}
			if pos, err = skip(body, pos, end, tag&7); err != nil {
				return memory, pos, err
			}
			continue
		}
		size, n := uvarint(body[pos:end])
		if n <= 0 || size > uint64(end-pos-n) {
			return memory, pos, ErrMalformed
		}
		pos += n
		if !c.kind.isMessage() {
			memory += costOf(c.kind, int64(size))
			pos += int(size)
			continue
		}
		memory += schema[c.kind].cost
		if c.kind == anyValue {
			if depth++; depth > MaxDepth {
				return memory, pos, ErrDeep
			}
		}
		top++ // the index is within the stack: the bound on depth ensures that
		stack[top] = frame{pos + int(size), c.kind}
	}
}

// costOf returns the memory of a decoded scalar field whose encoding has size bytes.
func costOf(k kind, size int64) int64 {
	switch k {
	case text, slice:
		return size + textCost
	case texts:
		return size + 3*textCost
	case fixeds, doubles:
		return 2 * size
	case varints:
		return 16 * size
	}
	return 0
}

// Wire types of protobuf.
const (
	wireVarint = iota
	wire64
	wireLen
	_ // the beginning of a group
	_ // the end of a group
	wire32
)

// skip skips a field that is not scanned. It rejects a group as malformed: no version of OTLP has groups, and the
// decoder reads only a group's first field as such, and the rest as fields of the message around it. So a body that is
// shallow for a reader that skips groups could be of any depth for the decoder.
func skip(body []byte, pos, end int, wire uint64) (int, error) {
	n := 0
	switch wire {
	case wireVarint:
		if _, n = uvarint(body[pos:end]); n <= 0 {
			return pos, ErrMalformed
		}
	case wire64:
		n = 8
	case wire32:
		n = 4
	case wireLen:
		size, m := uvarint(body[pos:end])
		if m <= 0 || size > uint64(end-pos-m) {
			return pos, ErrMalformed
		}
		n = m + int(size)
	default:
		return pos, ErrMalformed
	}
	if n > end-pos {
		return pos, ErrMalformed
	}
	return pos + n, nil
}

// uvarint reads a number as the decoder does: at most ten bytes; bits beyond the 64th are dropped. n is 0 if b does not
// begin with a number.
func uvarint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	if v, n = binary.Uvarint(b); n > 0 {
		return v, n
	}
	if -n == binary.MaxVarintLen64 && b[binary.MaxVarintLen64-1] < 0x80 { // an overflow that the decoder drops
		v = 0
		for i, c := range b[:binary.MaxVarintLen64] {
			v |= uint64(c&0x7f) << (7 * i)
		}
		return v, binary.MaxVarintLen64
	}
	return 0, 0
}
