package store

import "math/rand/v2"

// skipList is the structure that the B-tree is compared with (Pugh 1990, p = 1/4): the same order, no snapshots.
type skipList struct {
	head skipNode
	rng  *rand.Rand
	n    int
}

const maxLevel = 16

type skipNode struct {
	record *Record
	next   []*skipNode
}

func newSkipList() *skipList {
	return &skipList{head: skipNode{next: make([]*skipNode, maxLevel)}, rng: rand.New(rand.NewPCG(1, 2))}
}

// before fills in the last node before r on each level.
func (l *skipList) before(r *Record, path *[maxLevel]*skipNode) *skipNode {
	at := &l.head
	for level := maxLevel - 1; level >= 0; level-- {
		for at.next[level] != nil && less(at.next[level].record, r) {
			at = at.next[level]
		}
		path[level] = at
	}
	return at.next[0]
}

func (l *skipList) get(r *Record) *Record {
	var path [maxLevel]*skipNode
	if at := l.before(r, &path); at != nil && !less(r, at.record) {
		return at.record
	}
	return nil
}

func (l *skipList) put(r *Record) {
	var path [maxLevel]*skipNode
	if at := l.before(r, &path); at != nil && !less(r, at.record) {
		at.record = r
		return
	}
	levels := 1
	for levels < maxLevel && l.rng.Uint32()%4 == 0 {
		levels++
	}
	node := &skipNode{record: r, next: make([]*skipNode, levels)}
	for level := range levels {
		node.next[level], path[level].next[level] = path[level].next[level], node
	}
	l.n++
}

// ascend visits the records from first to the last.
func (l *skipList) ascend(first *Record, f func(*Record) bool) {
	var path [maxLevel]*skipNode
	for at := l.before(first, &path); at != nil && f(at.record); at = at.next[0] {
	}
}

// cut unlinks the records from first to before last, in the same time for many as for few.
func (l *skipList) cut(first, last *Record) {
	var from, to [maxLevel]*skipNode
	l.before(first, &from)
	l.before(last, &to)
	for level := range maxLevel {
		if from[level] != to[level] {
			from[level].next[level] = to[level].next[level]
		}
	}
}
