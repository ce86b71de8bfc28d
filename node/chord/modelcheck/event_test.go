package modelcheck

import "fmt"

type kind uint8

const (
	copyList kind = iota
	dropHead
	adopt
	ask
	askCandidate
	giveUp
	rectify
	meet
	endLeave
	// The events that follow come from outside, or happen once. After them those before continue.
	lateNotify
	departToSuccessor
	departToPredecessor
	join
	askToJoin
	fail
	startLeave
)

var wording = [...]string{
	copyList:            "%d stabilizes: copies the list of its successor %d",
	dropHead:            "%d stabilizes: its successor %d is dead",
	adopt:               "%d stabilizes: adopts %d, which lies nearer than its successor",
	ask:                 "%d stabilizes: its successor %d answers",
	askCandidate:        "%d stabilizes: the candidate %d answers",
	giveUp:              "%d stabilizes: the candidate %d is dead or leaving",
	rectify:             "%d rectifies: notified by %d",
	meet:                "%d meets %d",
	endLeave:            "%d is gone",
	lateNotify:          "%d rectifies: an old notify by %d arrives",
	departToSuccessor:   "%d receives that its predecessor %d leaves",
	departToPredecessor: "%d receives that its successor %d leaves",
	join:                "%d joins behind %d",
	askToJoin:           "%d wants to join: %d answers",
	fail:                "%d fails",
	startLeave:          "%d starts to leave",
}

// An event is one step: one member changes, after at most one query to one other.
type event struct {
	kind         kind
	member, with int
}

func (e event) String() string {
	switch e.kind {
	case endLeave, fail, startLeave:
		return fmt.Sprintf(wording[e.kind], e.member)
	}
	return fmt.Sprintf(wording[e.kind], e.member, e.with)
}
