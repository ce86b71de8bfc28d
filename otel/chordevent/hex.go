package chordevent

import "chordconductor/node/chord"

const (
	maxDigits = chord.MaxBits / 4
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

// parseHex reads an identifier of 1 to 40 hex digits, aligned to the right, without a string in between.
func parseHex(s string) (id chord.ID, ok bool) {
	if s == "" || len(s) > maxDigits {
		return id, false
	}
	at := len(id) - 1
	i := len(s)
	bad := byte(0)
	for ; i >= 2; i -= 2 {
		hi, lo := fromHex[s[i-2]], fromHex[s[i-1]]
		bad |= hi | lo
		id[at] = hi<<4 | lo
		at--
	}
	if i == 1 {
		lo := fromHex[s[0]]
		bad |= lo
		id[at] = lo
	}
	return id, bad < 16
}

// appendHex appends the last digits of an identifier.
func appendHex(dst []byte, id chord.ID, digits int) []byte {
	var text [maxDigits]byte
	for i, v := range id {
		text[2*i] = hexDigits[v>>4]
		text[2*i+1] = hexDigits[v&15]
	}
	return append(dst, text[maxDigits-digits:]...)
}
