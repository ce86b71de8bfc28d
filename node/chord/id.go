package chord

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

const (
	// MinBits and MaxBits bound the size of the identifier circle. The upper bound is SHA-1's width (ToN section IV.B).
	MinBits = 3
	MaxBits = 160

	idBytes = MaxBits / 8
)

// An ID is a point on the identifier circle: an unsigned integer below 2^m, big-endian, aligned to the right.
// IDs are comparable with == and order as bytes do.
type ID [idBytes]byte

// Compare orders two IDs as integers: -1, 0 or +1.
func (id ID) Compare(other ID) int {
	switch {
	case less(&id, &other):
		return -1
	case id == other:
		return 0
	}
	return +1
}

// less compares by words: lookups spend most of their time here.
func less(a, b *ID) bool {
	if x, y := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8]); x != y {
		return x < y
	}
	if x, y := binary.BigEndian.Uint64(a[8:16]), binary.BigEndian.Uint64(b[8:16]); x != y {
		return x < y
	}
	return binary.BigEndian.Uint32(a[16:]) < binary.BigEndian.Uint32(b[16:])
}

// Between reports whether b lies strictly inside the arc that runs clockwise from a to c. The arc from a to a is the
// whole circle without a, so Between(x, y, x) holds for every y other than x.
func Between(a, b, c ID) bool { return between(&a, &b, &c) }

func between(a, b, c *ID) bool {
	if less(a, c) {
		return less(a, b) && less(b, c)
	}
	return less(a, b) || less(b, c)
}

// Owns reports whether key lies in (from, to], the range a member "to" with predecessor "from" is responsible for.
// From == to is the whole circle.
func Owns(from, key, to ID) bool { return owns(&from, &key, &to) }

func owns(from, key, to *ID) bool { return *key == *to || between(from, key, to) }

// A Space is an identifier circle of 2^m points. Its zero value is not valid; use NewSpace.
type Space struct{ bits int }

// NewSpace returns the circle of 2^bits points, for bits from MinBits to MaxBits.
func NewSpace(bits int) (Space, error) {
	if bits < MinBits || bits > MaxBits {
		return Space{}, fmt.Errorf("identifier bits %d: must be from %d to %d", bits, MinBits, MaxBits)
	}
	return Space{bits}, nil
}

// Bits is m, the number of bits of an identifier and of finger slots of a member.
func (s Space) Bits() int { return s.bits }

// Digits is the number of hex digits Format writes: ceil(m/4).
func (s Space) Digits() int { return (s.bits + 3) / 4 }

// Hash places data on the circle: the first m bits of its SHA-1.
func (s Space) Hash(data []byte) ID {
	sum := ID(sha1.Sum(data))
	return sum.shiftRight(MaxBits - s.bits)
}

// MemberID is the identifier of the virtual node of the given index at a host address.
func (s Space) MemberID(address string, virtual int) ID {
	return s.Hash(binary.BigEndian.AppendUint32([]byte(address), uint32(virtual)))
}

// FromUint64 is the identifier n mod 2^m.
func (s Space) FromUint64(n uint64) ID {
	var id ID
	binary.BigEndian.PutUint64(id[idBytes-8:], n)
	return s.wrap(id)
}

// Format writes an identifier as Digits hex digits, the form of chord.node.id.
func (s Space) Format(id ID) string { return hex.EncodeToString(id[:])[maxDigits-s.Digits():] }

// Parse reads what Format writes. Shorter forms are accepted too; a value of 2^m or more is an error.
func (s Space) Parse(text string) (ID, error) {
	id, err := ParseID(text)
	if err != nil {
		return ID{}, err
	}
	if s.wrap(id) != id {
		return ID{}, fmt.Errorf("identifier %q does not fit in %d bits", text, s.bits)
	}
	return id, nil
}

// FingerStart is (id + 2^k) mod 2^m, the start of finger slot k, for k from 0 to m-1 (ToN section IV.D).
func (s Space) FingerStart(id ID, k int) ID {
	var add ID
	add[idBytes-1-k/8] = 1 << (k % 8)
	return s.wrap(sum(id, add))
}

// Next is (id + 1) mod 2^m.
func (s Space) Next(id ID) ID { return s.FingerStart(id, 0) }

// Distance is the clockwise distance from a to b: (b - a) mod 2^m.
func (s Space) Distance(a, b ID) ID {
	var d ID
	borrow := 0
	for i := idBytes - 1; i >= 0; i-- {
		v := int(b[i]) - int(a[i]) - borrow
		borrow = 0
		if v < 0 {
			v += 256
			borrow = 1
		}
		d[i] = byte(v)
	}
	return s.wrap(d)
}

// Fraction is the position of an identifier on the circle, from 0 up to but not including 1.
func (s Space) Fraction(id ID) float64 {
	const top = 52 // as many bits as a float64 below 1 holds exactly
	shifted := id
	scale := s.bits
	if s.bits > top {
		shifted = id.shiftRight(s.bits - top)
		scale = top
	}
	return float64(binary.BigEndian.Uint64(shifted[idBytes-8:])) / float64(uint64(1)<<scale)
}

// wrap reduces an identifier modulo 2^m.
func (s Space) wrap(id ID) ID {
	drop := MaxBits - s.bits
	for i := 0; i < drop/8; i++ {
		id[i] = 0
	}
	if rest := drop % 8; rest > 0 {
		id[drop/8] &= 0xff >> rest
	}
	return id
}

func sum(a, b ID) ID {
	carry := 0
	for i := idBytes - 1; i >= 0; i-- {
		v := int(a[i]) + int(b[i]) + carry
		a[i] = byte(v)
		carry = v >> 8
	}
	return a
}

// bitLen is the number of significant bits of the identifier; 0 for identifier 0.
func (id ID) bitLen() int {
	for i, b := range id {
		if b != 0 {
			return 8*(idBytes-i-1) + bits.Len8(b)
		}
	}
	return 0
}

func (id ID) shiftRight(n int) ID {
	var out ID
	whole, rest := n/8, n%8
	for i := idBytes - 1; i >= whole; i-- {
		v := id[i-whole] >> rest
		if rest > 0 && i-whole-1 >= 0 {
			v |= id[i-whole-1] << (8 - rest)
		}
		out[i] = v
	}
	return out
}
