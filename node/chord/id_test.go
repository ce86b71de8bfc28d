package chord_test

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

func TestNewSpaceRefusesBadSizes(t *testing.T) {
	for _, bits := range []int{-1, 0, 2, 161} {
		if _, err := chord.NewSpace(bits); err == nil || !strings.Contains(err.Error(), "from 3 to 160") {
			t.Errorf("NewSpace(%d): %v", bits, err)
		}
	}
}

func TestBetween(t *testing.T) {
	s := space(t, 3)
	for a := range uint64(8) {
		for b := range uint64(8) {
			for c := range uint64(8) {
				want := false // go clockwise from a until c, or all around if they are one
				for x := (a + 1) % 8; x != c; x = (x + 1) % 8 {
					if x == b {
						want = true
					}
					if x == a {
						break
					}
				}
				want = want && b != a
				if got := chord.Between(s.FromUint64(a), s.FromUint64(b), s.FromUint64(c)); got != want {
					t.Errorf("Between(%d, %d, %d) = %v", a, b, c, got)
				}
			}
		}
	}
}

func drawSpace(t *rapid.T) chord.Space {
	s, err := chord.NewSpace(rapid.IntRange(chord.MinBits, chord.MaxBits).Draw(t, "bits"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drawID favours the ends of the circle, where arithmetic wraps.
func drawID(t *rapid.T, s chord.Space, label string) chord.ID {
	switch rapid.IntRange(0, 3).Draw(t, label+" kind") {
	case 0:
		return s.FromUint64(rapid.Uint64Range(0, 3).Draw(t, label))
	case 1:
		var below chord.ID
		return s.Distance(s.FromUint64(rapid.Uint64Range(1, 3).Draw(t, label)), below) // 2^m - 1 to 2^m - 3
	default:
		return s.Hash(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, label))
	}
}

func integer(id chord.ID) *big.Int { return new(big.Int).SetBytes(id[:]) }

func TestArithmeticAgainstIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		a, b := drawID(t, s, "a"), drawID(t, s, "b")
		modulus := new(big.Int).Lsh(big.NewInt(1), uint(s.Bits()))

		if integer(a).Cmp(modulus) >= 0 {
			t.Fatalf("%x is outside the circle", a)
		}
		if a.Compare(b) != integer(a).Cmp(integer(b)) {
			t.Fatalf("Compare(%x, %x) = %d", a, b, a.Compare(b))
		}
		want := new(big.Int).Sub(integer(b), integer(a))
		if want.Mod(want, modulus); integer(s.Distance(a, b)).Cmp(want) != 0 {
			t.Fatalf("Distance(%x, %x) = %x, want %x", a, b, s.Distance(a, b), want)
		}
		k := rapid.IntRange(0, s.Bits()-1).Draw(t, "k")
		want = new(big.Int).Lsh(big.NewInt(1), uint(k))
		want.Mod(want.Add(want, integer(a)), modulus)
		if integer(s.FingerStart(a, k)).Cmp(want) != 0 {
			t.Fatalf("FingerStart(%x, %d) = %x, want %x", a, k, s.FingerStart(a, k), want)
		}
		if s.Next(a) != s.FingerStart(a, 0) {
			t.Fatalf("Next(%x) = %x", a, s.Next(a))
		}
		exact, _ := new(big.Rat).SetFrac(integer(a), modulus).Float64()
		if f := s.Fraction(a); f < 0 || f >= 1 || f > exact || exact-f > 1e-15 {
			t.Fatalf("Fraction(%x) = %v, want %v", a, f, exact)
		}
	})
}

func TestBetweenIsDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		a, b, c := drawID(t, s, "a"), drawID(t, s, "b"), drawID(t, s, "c")
		ab, ac := s.Distance(a, b), s.Distance(a, c)
		want := a != b && (a == c || ab.Compare(ac) < 0)
		if got := chord.Between(a, b, c); got != want {
			t.Fatalf("Between(%x, %x, %x) = %v", a, b, c, got)
		}
		if got := chord.Owns(a, b, c); got != (want || b == c) {
			t.Fatalf("Owns(%x, %x, %x) = %v", a, b, c, got)
		}
		if x := a; a != c && b != a && b != c && chord.Between(a, b, c) == chord.Between(c, b, x) {
			t.Fatalf("%x lies on both sides of %x and %x, or on neither", b, a, c)
		}
	})
}

func TestFormatAndParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		id := drawID(t, s, "id")
		text := s.Format(id)
		if len(text) != (s.Bits()+3)/4 {
			t.Fatalf("%q has %d digits on a circle of %d bits", text, len(text), s.Bits())
		}
		if back, err := s.Parse(text); err != nil || back != id {
			t.Fatalf("Parse(%q) = %x, %v", text, back, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	s := space(t, 6)
	for _, text := range []string{"", "g1", "-1", "40", "ff", strings.Repeat("0", 41), "0x1"} {
		if id, err := s.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %x", text, id)
		}
	}
	if id, err := s.Parse("3f"); err != nil || id != s.FromUint64(63) {
		t.Errorf("Parse(3f) = %x, %v", id, err)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("3f")
	f.Add("0x")
	f.Add(strings.Repeat("f", 40))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := chord.ParseID(text)
		if err != nil {
			return
		}
		value, ok := new(big.Int).SetString(text, 16)
		if !ok || value.Cmp(integer(id)) != 0 {
			t.Fatalf("ParseID(%q) = %x", text, id)
		}
		if got := chord.AppendHex(nil, id, len(text)); !strings.EqualFold(string(got), text) {
			t.Fatalf("AppendHex(%x, %d) = %s", id, len(text), got)
		}
	})
}

// TestTextOfIDs: what is read as an identifier, and what is not.
func TestTextOfIDs(t *testing.T) {
	for _, text := range []string{"0", "f", "0a", "abc", "ABC", strings.Repeat("9", 39), strings.Repeat("f", 40)} {
		id, ok := chord.IDFromHex(text)
		if value, _ := new(big.Int).SetString(text, 16); !ok || value.Cmp(integer(id)) != 0 {
			t.Errorf("IDFromHex(%q) = %x, %v", text, id, ok)
		}
	}
	for _, text := range []string{"", "g", "0g", "g0", "-1", " 1", "+1", "0x1", "1_0", "\xff", strings.Repeat("f", 41)} {
		if id, ok := chord.IDFromHex(text); ok || id != (chord.ID{}) {
			t.Errorf("IDFromHex(%q) = %x, %v", text, id, ok)
		}
		if _, err := chord.ParseID(text); err == nil {
			t.Errorf("ParseID(%q) gives no error", text)
		}
	}
	for n := range 24 {
		b := bytes.Repeat([]byte{7}, n)
		if id, ok := chord.IDFromBytes(b); ok != (n == 20) || ok && !bytes.Equal(id[:], b) {
			t.Errorf("IDFromBytes of %d bytes: %x, %v", n, id, ok)
		}
	}
}

func TestMemberIDsDependOnAddressAndIndex(t *testing.T) {
	s := space(t, 160)
	seen := map[chord.ID]bool{}
	for _, addr := range []string{"a:1", "a:2", "b:1"} {
		for v := range 3 {
			seen[s.MemberID(addr, v)] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d different identifiers, want 9", len(seen))
	}
}
