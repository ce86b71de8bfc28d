package chord

// A Peer names a ring member: its place on the circle, the address of the host that carries it, and its incarnation.
// Two peers with the same ID and different incarnations are two members, the older of which is dead.
//
// The zero Peer stands for "none". A Peer with an ID and no address is a placeholder (see State), which is always dead.
type Peer struct {
	ID          ID
	Addr        string
	Incarnation int64 // Unix nanoseconds at which this incarnation began
}

// Real reports whether the peer names a member, alive or not: it is neither "none" nor a placeholder.
func (p Peer) Real() bool { return p.Addr != "" }
