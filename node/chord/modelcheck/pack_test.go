package modelcheck

// A key is a packed ring: the cells of places 0 to n-1 one after the other, and what is spent behind them.
type key [3]uint64

// A layout is the width of a cell.
type layout struct {
	n                 int
	pointers, pending uint // bits; pending is 0 if the model has no queries under way
}

func newLayout(n, r int, remember, split bool) layout {
	l := layout{n: n, pointers: uint(4 * (r + 1))}
	switch {
	case split:
		l.pending = 6 + l.pointers
	case remember: // a candidate has not answered yet
		l.pending = 6
	}
	if uint(n)*(l.pointers+2+l.pending)+4 > 192 {
		panic("a ring of this size does not fit in a key")
	}
	return l
}

func (l layout) pack(g *ring) key {
	var k key
	at := uint(0)
	put := func(v uint64, bits uint) {
		k[at/64] |= v << (at % 64)
		if at%64+bits > 64 {
			k[at/64+1] |= v >> (64 - at%64)
		}
		at += bits
	}
	for _, c := range g.cells[:l.n] {
		put(uint64(c.pointers()), l.pointers)
		put(uint64(c>>28)&3, 2)
		if l.pending > 0 {
			put(uint64(c.pending()), l.pending)
		}
	}
	put(uint64(g.spent), 4)
	return k
}

func (l layout) unpack(k key) ring {
	var g ring
	at := uint(0)
	get := func(bits uint) uint64 {
		v := k[at/64] >> (at % 64)
		if at%64+bits > 64 {
			v |= k[at/64+1] << (64 - at%64)
		}
		at += bits
		return v & (1<<bits - 1)
	}
	for i := range l.n {
		c := cell(get(l.pointers)) | cell(get(2))<<28
		if l.pending > 0 {
			c = c.with(pending(get(l.pending)))
		}
		g.cells[i] = c
	}
	g.spent = uint8(get(4))
	return g
}

func (k key) hash() uint64 {
	h := (k[0] ^ k[1]*0x9e3779b97f4a7c15 ^ k[2]*0xd6e8feb86659fd93) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>29) * 0x94d049bb133111eb
	return h ^ h>>32
}
