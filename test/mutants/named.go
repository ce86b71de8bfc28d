package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A named mutant breaks one rule on purpose: in a file, the text before, which occurs there once, becomes the text after.
type named struct {
	name, file, before, after string
}

func (n named) mutant(root string) (mutant, error) {
	source, err := os.ReadFile(filepath.Join(root, n.file))
	if err != nil {
		return mutant{}, err
	}
	start := bytes.Index(source, []byte(n.before))
	if count := bytes.Count(source, []byte(n.before)); count != 1 {
		return mutant{}, fmt.Errorf("named/%s: expected the text to replace once in %s, got it %d times: %q", n.name, n.file, count, n.before)
	}
	return mutant{
		name: n.name, operator: "named", file: n.file, line: 1 + bytes.Count(source[:start], []byte("\n")),
		start: start, end: start + len(n.before), text: n.after,
		before: strings.TrimSpace(n.before), after: strings.TrimSpace(n.after),
	}, nil
}

// nodeRules are mutants of which each breaks one rule of docs/protocol.md or docs/promises.md.
var nodeRules = []named{
	{"join-unchecked", "node/chord/maintain.go", "return j != m.Peer.ID && Between(m.Peer.ID, j, m.Head().ID)", "return j != m.Peer.ID"},
	{"candidate-always-adopted", "node/chord/maintain.go", "	if Nearer(s, n.Peer) {\n", "	if n.Peer.Real() {\n"},
	{"later-incarnation-ignored", "node/chord/maintain.go", "if notifier.Incarnation > s.Pred.Incarnation {", "if false {"},
	{"predecessor-taken-unpinged", "node/chord/maintain.go", "		s.Pred = notifier\n		return s, false\n	}\n	return s, true\n", "		s.Pred = notifier\n		return s, false\n	}\n	s.Pred = notifier\n	return s, false\n"},
	{"any-leaver-is-the-head", "node/chord/maintain.go", "leaver.Real() && leaver == s.Head() && leaver.ID != s.Self.ID", "leaver.Real()"},
	{"dead-hops-not-skipped", "node/chord/hops.go", "		if dead != nil && dead(*p) {\n			continue\n		}\n		if !final {", "		if !final {"},
	{"key-at-its-own-identifier-not-owned", "node/kv/terms/ownership.go", "func (a Arc) Covers(id chord.ID) bool { return chord.Owns(a.From, id, a.To) }", "func (a Arc) Covers(id chord.ID) bool { return id != a.To && chord.Owns(a.From, id, a.To) }"},
	{"greater-epoch-loses", "node/kv/terms/ownership.go", "	if c := cmp.Compare(o.Epoch, p.Epoch); c != 0 {\n		return c > 0", "	if c := cmp.Compare(o.Epoch, p.Epoch); c != 0 {\n		return c < 0"},
	{"takeover-at-the-same-epoch", "node/kv/ownership/register.go", "next.Epoch = epoch + 1", "next.Epoch = epoch"},
	{"move-at-the-same-epoch", "node/kv/handoff_send.go", "k.beginOut(from, from.ID, own.Epoch+1, reason)", "k.beginOut(from, from.ID, own.Epoch, reason)"},
	{"older-record-replaces", "node/kv/records.go", "	if !r.Newer(old) {\n		return false, nil\n	}\n", ""},
	{"version-not-observed", "node/kv/hlc/clock.go", "		if stamp <= last || c.last.CompareAndSwap(last, stamp) {", "		if true || stamp <= last {"},
	{"version-not-above-the-held", "node/kv/write.go", "rec.Version <= old.Version", "rec.Version < 0"},
	{"every-try-is-a-new-write", "node/kv/write.go", "	if req.version != 0 && old != nil && old.Version >= req.version {", "	if false {"},
	{"get-of-a-deleted-key", "node/kv/get.go", "r == nil || r.Deleted ||", "r == nil ||"},
	{"get-of-an-expired-value", "node/kv/get.go", "r.Expires != 0 && r.Expires <= k.clock.Millis()", "false"},
	{"foreign-records-accepted", "node/kv/records.go", "if own != nil && !own.Covers(r.ID) {", "if false {"},
	{"memory-has-no-limit", "node/kv/budget.go", "if b.limit > 0 && n > 0 && used+n > bound {", "if false {"},
	{"tombstones-never-forgotten", "node/kv/records.go", "+ k.cfg.TombstoneLifetime.Milliseconds()", "+ 1<<40"},
	{"leftovers-do-not-reach-the-holders", "node/kv/records.go", "			k.unsync() //", "			//"},
	{"busy-answers-anyway", "node/member/serve.go", "	busy := m.busy.Load() || m.splicing.Load()\n", "	busy := false\n"},
	{"every-ring-is-the-same", "node/member/host.go", "	if call.GetRing() == c.Ring &&", "	if true || call.GetRing() == c.Ring &&"},
}
