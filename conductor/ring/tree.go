package ring

import "math/rand/v2"

// A node makes a record part of the tree: a treap by identifier in which every node has the weights of its subtree, so
// that sums over all smaller identifiers cost O(log N). Its shape depends on random priorities, which no sender of
// events can see or choose; its results do not.
type node struct {
	left, right, parent *record
	priority            uint32
	own, sum            weights
	inTree              bool
}

// weights are the counts and sums that the tree keeps by identifier.
type weights struct {
	live   int // 1: a certain member of the ring
	starts int // arcs that start here
	ends   int // arcs that end here
	owners int // 1: a counted member that owns a range
}

func (w weights) plus(v weights) weights {
	return weights{w.live + v.live, w.starts + v.starts, w.ends + v.ends, w.owners + v.owners}
}

// A tree holds all members.
type tree struct{ root *record }

// total returns the sum over all members.
func (t *tree) total() weights { return sumOf(t.root) }

func sumOf(x *record) weights {
	if x == nil {
		return weights{}
	}
	return x.sum
}

// add changes a member's weights.
func (t *tree) add(x *record, w weights) {
	x.own = x.own.plus(w)
	for ; x != nil; x = x.parent {
		x.sum = x.sum.plus(w)
	}
}

// before returns the sum over all members with smaller identifiers.
func (t *tree) before(x *record) weights {
	w := sumOf(x.left)
	for p := x.parent; p != nil; x, p = p, p.parent {
		if p.right == x {
			w = w.plus(p.own).plus(sumOf(p.left))
		}
	}
	return w
}

// live and owner return the member of their kind that has k members of that kind before it, or nil.
func (t *tree) live(k int) *record  { return t.find(k, func(w weights) int { return w.live }) }
func (t *tree) owner(k int) *record { return t.find(k, func(w weights) int { return w.owners }) }

func (t *tree) find(k int, of func(weights) int) *record {
	x := t.root
	for x != nil {
		left := of(sumOf(x.left))
		switch {
		case k < left:
			x = x.left
		case k < left+of(x.own):
			return x
		default:
			k -= left + of(x.own)
			x = x.right
		}
	}
	return nil
}

// all visits the members by identifier.
func (t *tree) all(visit func(*record)) {
	x := t.root
	for x != nil && x.left != nil {
		x = x.left
	}
	for x != nil {
		visit(x)
		if x.right != nil {
			for x = x.right; x.left != nil; x = x.left {
			}
			continue
		}
		for x.parent != nil && x.parent.right == x {
			x = x.parent
		}
		x = x.parent
	}
}

// insert adds a member, with no weights yet.
func (t *tree) insert(x *record) {
	x.node = node{priority: rand.Uint32(), inTree: true}
	if t.root == nil {
		t.root = x
		return
	}
	at := t.root
	for {
		child := &at.right
		if x.id.Compare(at.id) < 0 {
			child = &at.left
		}
		if *child == nil {
			*child, x.parent = x, at
			break
		}
		at = *child
	}
	for x.parent != nil && x.priority > x.parent.priority {
		t.rotateUp(x)
	}
}

// remove takes out a member whose weights are zero.
func (t *tree) remove(x *record) {
	for x.left != nil || x.right != nil {
		up := x.left
		if up == nil || x.right != nil && x.right.priority > up.priority {
			up = x.right
		}
		t.rotateUp(up)
	}
	t.replace(x, nil)
	x.node = node{}
}

// rotateUp swaps x with its parent, and keeps the order of identifiers.
func (t *tree) rotateUp(x *record) {
	p := x.parent
	t.replace(p, x)
	var moved *record
	if p.left == x {
		moved = x.right
		p.left, x.right = moved, p
	} else {
		moved = x.left
		p.right, x.left = moved, p
	}
	if moved != nil {
		moved.parent = p
	}
	p.parent = x
	p.sum = p.own.plus(sumOf(p.left)).plus(sumOf(p.right))
	x.sum = x.own.plus(sumOf(x.left)).plus(sumOf(x.right))
}

// replace puts y in the place of x.
func (t *tree) replace(x, y *record) {
	switch p := x.parent; {
	case p == nil:
		t.root = y
	case p.left == x:
		p.left = y
	default:
		p.right = y
	}
	if y != nil {
		y.parent = x.parent
	}
}
