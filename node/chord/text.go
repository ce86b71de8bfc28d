package chord

import "fmt"

// Identifiers as text and as bytes. None of this knows the circle that an identifier belongs to: see Space.Parse.

const (
	maxDigits = 2 * idBytes
	hexDigits = "0123456789abcdef"
	notHex    = 0xff
)

var fromHex = func() (table [256]byte) {
	for i := range table {
		table[i] = notHex
	}
	for v, c := range []byte(hexDigits) {
		table[c] = byte(v)
		if c >= 'a' {
			table[c-'a'+'A'] = byte(v)
		}
	}
	return table
}()

// ParseID reads 1 to 40 hex digits.
func ParseID(text string) (ID, error) {
	if text == "" || len(text) > maxDigits {
		return ID{}, fmt.Errorf("identifier %.48q: must have 1 to %d hex digits", text, maxDigits)
	}
	id, ok := IDFromHex(text)
	if !ok {
		return ID{}, fmt.Errorf("identifier %q: not hexadecimal", text)
	}
	return id, nil
}

// IDFromHex is ParseID for those that read many: it allocates nothing, and reports whether the text is an identifier.
func IDFromHex(text string) (id ID, ok bool) {
	if text == "" || len(text) > maxDigits {
		return ID{}, false
	}
	at, i := idBytes-1, len(text)
	bad := byte(0)
	for ; i >= 2; i -= 2 {
		hi, lo := fromHex[text[i-2]], fromHex[text[i-1]]
		bad |= hi | lo
		id[at] = hi<<4 | lo
		at--
	}
	if i == 1 {
		lo := fromHex[text[0]]
		bad |= lo
		id[at] = lo
	}
	if bad >= 16 {
		return ID{}, false
	}
	return id, true
}

// AppendHex appends the last digits of an identifier, 1 to 40 of them.
func AppendHex(dst []byte, id ID, digits int) []byte {
	var text [maxDigits]byte
	for i, v := range id {
		text[2*i] = hexDigits[v>>4]
		text[2*i+1] = hexDigits[v&15]
	}
	return append(dst, text[maxDigits-digits:]...)
}

// IDFromBytes reads an identifier of 20 bytes, and reports whether there are as many.
func IDFromBytes(b []byte) (id ID, ok bool) {
	if len(b) != idBytes {
		return ID{}, false
	}
	return ID(b), true
}
